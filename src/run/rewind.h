#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "journal/journal.h"
#include "pg/connection.h"

namespace run {

// A server that was restored to a point knows nothing of what came behind it: what its mirror lacks of the journal did
// not happen there, though this or another release's restore made it. Lets the journal say so (`rewound`, by
// Journal::Find), so that those lines count no more. Nothing is found where the mirror has all that was begun, on
// another database, and behind a failover: a promoted standby that was behind is refused, because nobody asked for
// that. On the server that was left, where nothing went on elsewhere, the lines count again.
//
// `mirrored`: how many lines the mirror has, a prefix of the journal. Throws kOtherInputs where the server's history
// has to be read, and cannot be.
void SeeRewind(pg::Connection& connection, journal::Journal& journal, std::size_t mirrored);

// The timeline that the release was on last, since it was `opened` or `rewound`.
std::int64_t TimelineOf(const journal::Journal& journal, const journal::Event& opened);
// The history file of the server's timeline; the first one has none. Throws kOtherInputs where it cannot be read.
std::string History(pg::Connection& connection, std::int64_t timeline);

}  // namespace run
