#pragma once

#include "base/json.h"

namespace catalog {

// A description that somebody holds (Describe of several tables), after a change of which the descriptions before and
// after are known: what the change made otherwise is made otherwise in it, and nothing else. So what others did
// meanwhile still shows as a difference, and what was done knowingly does not. Tables that `held` does not have stay
// out. Pure.
base::Json Carry(const base::Json& held, const base::Json& before, const base::Json& after);

}  // namespace catalog
