#pragma once

#include "base/json.h"
#include "sql/parse.h"

namespace sql {

// What the inside of a statement of that node type mentions, and the objects that it makes, changes or drops.
Mentions MentionsOf(const std::string& type, const base::Json& node);

// What runs when the function that this CREATE FUNCTION makes is called, or when this DO block runs. `text`: the
// statement.
Mentions BodyOf(const std::string& type, const base::Json& node, const std::string& text);

}  // namespace sql
