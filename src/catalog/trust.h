#pragma once

#include <string>
#include <vector>

#include "pg/connection.h"
#include "pg/quote.h"

// Whose code may run with the rights of this session. SET ROLE is no boundary, because code that is called takes the
// session's own role back; so what counts is the role that logged in. It trusts itself, superusers, roles that can
// become it, and those that ConnectOptions::trusts names. A role that is no superuser, and cannot make itself one,
// trusts also the roles that it is a member of: they have been put into its hands. All looks only; the session's search
// path stays.
namespace catalog {

// Throws kUntrusted where something would run, or be written, in the session's name by the will of a role that it does
// not trust. Each names what it is, whose, and the remedy.

// Schema `switchback` and the others of ours: they, and all in them, must belong to a role that is trusted, and hold no
// trigger, rule, policy, function or right of anybody else. What is not there yet is fine.
void RequireOwnSchemas(pg::Connection& connection);

// The tables, what inherits from them and what their cascades reach: code of others that a write to them, or a reading
// of them, would evaluate (triggers also deferred ones, functions of indexes, checks, defaults, generated columns,
// policies and rules, casts, domains), code of event triggers, and row security that would hide rows. `search_path`:
// the author's, in which others must not be able to put something before what is meant; empty: none.
enum class Writes { kOrdinarily, kAsReplica };  // kAsReplica: ordinary triggers do not fire
void RequireTrust(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables,
                  const std::string& search_path, Writes writes = Writes::kOrdinarily);

// Some role that is not trusted may add such code to the tables at any time, as their owner or by a right to make
// triggers: who wants to be sure asks again within each transaction, once it holds its locks.
bool OthersMayAddCode(pg::Connection& connection, const std::vector<pg::QualifiedName>& tables);

}  // namespace catalog
