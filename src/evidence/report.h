#pragma once

#include <string>

#include "base/json.h"

namespace evidence {

// evidence.json for people, as Markdown: what, where it stands, verdicts and ways back on the first screen, the three
// parts in detail below. Pure: the same value gives the same text. Throws kBadJson where the value is no evidence.
std::string Report(const base::Json& evidence);

}  // namespace evidence
