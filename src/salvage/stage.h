#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "base/json.h"
#include "base/stop.h"
#include "base/time.h"
#include "pg/connection.h"
#include "pg/lsn.h"
#include "salvage/target.h"
#include "stream/reader.h"

namespace salvage {

// What applications did to one table.
struct TableAccount {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  std::int64_t truncated = 0;
  std::map<std::string, std::int64_t> skipped = {};  // changes that cannot be carried over, by the reason
  std::set<std::string> columns = {};                // that the restored table does not have

  [[nodiscard]] std::int64_t Changes() const { return inserted + updated + deleted + truncated; }
  [[nodiscard]] std::int64_t Skipped() const;
};

// What another release did, which goes back with this one: nothing of it is carried over.
struct ReleaseAccount {
  std::int64_t transactions = 0;
  std::map<pg::QualifiedName, TableAccount> tables = {};
};

// What applications did since a point of the log, as the stream tells.
struct Account {
  pg::Lsn through = {};  // all that committed before it is counted
  std::int64_t applications = 0;
  std::int64_t migrations = 0;
  std::int64_t unverified = 0;  // of the applications', with a tag that does not verify
  std::optional<base::Time> first = {};
  std::optional<base::Time> last = {};
  std::map<pg::QualifiedName, TableAccount> tables = {};  // by their names at that time; partitions by their own
  std::map<std::string, ReleaseAccount> releases = {};    // others than this one, by their names

  [[nodiscard]] std::int64_t Changes() const;
};
base::Json ToJson(const Account& account);
Account AccountFromJson(const base::Json& json);

// The loss account: transactions that committed after `from`, counted from the stream's index alone; the first `most`
// of the index where there are more, and the reader has the next one then.
Account CountSince(stream::Reader& reader, pg::Lsn from, std::int64_t most = std::numeric_limits<std::int64_t>::max());

// Those of the tables, by OID, to which an application wrote in a transaction that committed at or behind the position
// beside it.
std::set<std::int64_t> WrittenSince(stream::Reader& reader, const Targets& targets,
                                    const std::map<std::int64_t, pg::Lsn>& tables);

struct StageRequest {
  std::function<stream::Reader()> open;  // a new reader, from the beginning
  pg::Lsn from = {};
  const Targets& targets;
  std::set<std::int64_t> keep = {};  // tables whose changes are staged already, and are done
  base::Stop stop = nullptr;
};
// Puts the changes of each row that applications wrote to into switchback_salvage.change of the restored server, the
// migration's included, and of few other rows (Touched). A crash leaves nothing staged, or all of it without the mark
// of `staged`, which the next call removes; so does one of the server, after which both are empty. Memory does not grow
// with the size of a transaction, but by the rows whose key changed.
Account Stage(pg::Connection& restored, const StageRequest& request);

}  // namespace salvage
