#pragma once

#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "pg/connection.h"

namespace catalog {

struct Request {
  // Tables or indexes (an index brings its table). Schema empty: looked for in the role's own search path.
  std::vector<pg::QualifiedName> relations = {};
  std::vector<std::string> types = {};  // written type names
  // SELECT, INSERT, UPDATE, DELETE: the server is asked whether it understands them. None is run.
  std::vector<std::string> statements = {};
  std::vector<std::string> functions = {};  // names that are called, without schema
  bool taken_names = true;    // also all names in the schemas of the tables: for who makes something there
  bool bodies = true;         // also functions whose body may name a table: the search takes tables times functions
  bool own_settings = false;  // also what the role's sessions have without this program's pins; one connection more
};

// Reads what the request names, and nothing else: names that do not exist are simply absent. Also read: tables that
// reference the named ones or are referenced by them, and casts between every read column's type and each asked type,
// both ways. Works inside the caller's transaction where there is one, else in one repeatable-read snapshot. Needs no
// right beyond CONNECT.
Catalog Read(pg::Connection& connection, const Request& request);

}  // namespace catalog
