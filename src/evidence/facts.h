#pragma once

#include <optional>
#include <span>
#include <string>

#include "journal/event.h"

namespace evidence {

// What a verdict's recorded facts say against the rest of the package, a sentence; nothing: they agree. `before`: the
// journal's events before the verdict. `release_yaml`: the package's, against which owner, window and invariants are
// held where the verdict was made from this very file; null: it is missing. Throws what reading the facts throws.
std::optional<std::string> ContradictedFact(std::span<const journal::Event> before, const journal::Event& verdict,
                                            const std::string* release_yaml);

}  // namespace evidence
