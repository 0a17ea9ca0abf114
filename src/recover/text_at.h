#pragma once

#include <string>

#include "base/json.h"

namespace recover {

// A member of an object as text; "" where there is none, or it is no text.
inline std::string TextAt(const base::Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object.at(key).is_string()) return "";
  return object.at(key).get<std::string>();
}

}  // namespace recover
