#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "pg/lsn.h"
#include "pg/quote.h"
#include "plan/plan.h"
#include "stream/reader.h"

// What the release's own transactions changed, compared with what its steps declare. Pure: it sees the stream and the
// plan.
namespace proof {

// What a step did to one table, in one direction. Updates tell which columns they changed only where the stream has the
// row as it was (replica identity full) or the key changed.
struct Wrote {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  bool truncated = false;
  std::int64_t columns_unknown = 0;  // updated rows of which the stream does not tell which columns changed
};

// Something that a step did and does not declare.
struct Outside {
  pg::QualifiedName table = {};
  std::string what = {};                   // "rows were inserted", "column total was changed", ...
  std::int64_t rows = 0;                   // 0: of a TRUNCATE, which does not say
  base::Json first = base::Json::array();  // some of the rows: {key, and with values: before, after}
};

struct StepAudit {
  std::string step = {};       // empty: a transaction of no step (the lease, the mirror)
  std::string direction = {};  // "forward" or "reverse"
  std::int64_t transactions = 0;
  std::map<pg::QualifiedName, Wrote> wrote = {};
  std::vector<Outside> outside = {};
};

// Transactions with a tag that does not verify, which wrote the same of the release's tables. They are the
// applications'; why they have such a tag nothing tells.
struct Unverified {
  std::set<pg::QualifiedName> touches = {};  // the release's tables
  std::int64_t transactions = 0;
  // Of the first:
  pg::Lsn commit = {};
  base::Time time = {};
  std::uint32_t xid = 0;
  std::string message = {};                    // its beginning
  std::vector<pg::QualifiedName> tables = {};  // some of those that it wrote
};

struct Audit {
  std::vector<StepAudit> steps;        // in the order of their first transaction
  std::vector<Unverified> unverified;  // a bounded number: the last is of what is left
  std::int64_t applications = 0;       // transactions of applications, the unverified ones too
};

struct AuditRequest {
  const plan::Plan& plan;
  pg::Lsn after = {};  // transactions that committed up to here were looked at before
  std::map<pg::QualifiedName, pg::QualifiedName> roots = {};  // of partitions: the stream names the leaves
  // Of primary keys, by OID: where rows are kept whole, all columns are a key to the stream.
  std::map<std::int64_t, std::set<std::string>> keys = {};
  bool values = false;  // before and after values too, not the keys alone
  double share = 1;     // of the time in which it looks: above 0
};

// Reads the transactions behind `after`. A step that declares only some columns of a table may update these and nothing
// else; one that declares all of them may insert and delete rows too. A way back may do what its way forward may.
Audit AuditFootprint(stream::Reader& reader, const AuditRequest& request);

base::Json ToJson(const StepAudit& audit);
base::Json ToJson(const Outside& outside);
base::Json ToJson(const Unverified& unverified);

}  // namespace proof
