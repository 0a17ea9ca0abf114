#include "base/error.h"

base::Exit Probe(const base::Error& error) { return error.exit(); }
