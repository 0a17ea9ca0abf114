#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace evidence {

// Text from outside (names, errors, notes) as inert Markdown on one line: no markup, link, mention, HTML or table cell
// comes out of it, and no control or text-direction character is left in it.
std::string Escape(std::string_view text);

// A GitHub-flavoured table; its cells are Markdown already. Rows shorter than the head are filled up.
std::string Table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

}  // namespace evidence
