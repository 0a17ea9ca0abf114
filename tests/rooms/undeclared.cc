#include "pg/quote.h"

std::string Probe() { return pg::Ident("name"); }
