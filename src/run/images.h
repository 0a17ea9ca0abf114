#pragma once

#include <cstdint>

#include "base/json.h"
#include "pg/connection.h"
#include "plan/step.h"
#include "run/rows_done.h"

namespace run {

struct Undone {
  std::int64_t rows = 0;                  // set back
  base::Json kept = base::Json::array();  // left alone: {table, key, reason}
};

// Takes a data change back from its images, inside the caller's transaction, and empties the images: an UPDATE's
// columns are set back where they still have the value that the change gave them, a DELETE's rows come back where their
// key is free, an INSERT's rows go where they are as they were inserted and nothing references them. Anything else
// stays and is listed. Values are compared by their text, which is never laxer than a type's own equality and exists
// for every type. `rows`, if any, is told how many images there are, and of rows that it cannot count itself.
Undone UndoData(pg::Connection& connection, const plan::DataChange& change, RowsDone* rows = nullptr);

}  // namespace run
