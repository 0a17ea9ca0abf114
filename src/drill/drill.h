#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/json.h"

namespace drill {

struct DrillOptions {
  bool keep = false;               // leave the workspace
  std::filesystem::path evidence;  // where the evidence packages are left; empty: a new directory for temporary files
  std::chrono::milliseconds load = std::chrono::seconds(8);  // how long the damage of act four goes unnoticed
};

// Plays the incident in four acts on servers of its own, with this program's binary as the tool and as the
// applications. All that it started is stopped and removed, unless kept; after a kill -9 the next drill does so. Only
// the evidence packages stay. Progress goes to the log. Result: {held, acts: [...], claims: [{name, text, measured,
// held}], evidence, workspace, milliseconds}. Throws kInterrupted and what keeps it from being played at all; a claim
// that does not hold is a value.
base::Json RunDrill(const DrillOptions& options);

// For people: the acts side by side, and the claims that did not hold.
std::string RenderDrill(const base::Json& result);

}  // namespace drill
