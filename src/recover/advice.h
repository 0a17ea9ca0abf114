#pragma once

#include <vector>

#include "recover/diagnose.h"

namespace recover {

// Pure. What to do next about a diagnosis, the least destructive first.
std::vector<Diagnosis::Action> Advise(const Diagnosis& found, const Case& subject);

}  // namespace recover
