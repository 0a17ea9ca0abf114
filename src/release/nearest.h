#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace release {

// Number of single-character insertions, deletions, replacements and swaps of neighbours between two words (bytes).
int EditDistance(std::string_view a, std::string_view b);

// The candidate that `word` was most likely meant to be; empty: none is near (more than a third of its letters differ).
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace release
