#pragma once

#include <string>
#include <vector>

#include "plan/pair.h"

// The triggers that keep the two sides of a pair in step. Direction is decided by which side changed, never by who
// wrote.
//
// Two sort before every trigger of the users (names beginning with '!'), so that those see a consistent row. Where the
// table has BEFORE ROW triggers of its users, two more sort after them (names beginning with '~') and carry what those
// changed to the other side. WHEN keeps a write that touches neither side free of a function call; the tool's own
// writes bypass by a transaction-local setting, which is '' (not NULL) after COMMIT and counts only for a session whose
// role owns schema switchback.
//
// They run as the writer, who has no right to any table of switchback: what there is to note (a value that could not be
// carried over, both sides changed) they tell in a setting of the transaction, and a trigger after the row, with the
// rights of the schema's owner, writes it down. What a writer tells falsely concerns his own rows, and before anything
// is retired or dropped the rows themselves are asked.
namespace plan {

// Name of the first UPDATE trigger: its presence says that the pair is kept in step.
std::string SyncTriggerName(const Pair& pair);

// Creates transforms, trigger functions and triggers.
std::vector<std::string> CreateSync(const Pair& pair, const std::string& release, const std::string& authors_path);
// Replaces the trigger functions by those of another stage; the triggers' own WHEN follows renamed columns by itself.
std::vector<std::string> ReplaceSyncFunctions(const Pair& pair, const Stage& stage, const std::string& release,
                                              const std::string& authors_path);
// Drops all of it.
std::vector<std::string> DropSync(const Pair& pair);

// Whether a trigger function of the above may give that column of the row a value.
bool GivesValue(const std::string& function, const std::string& column);

}  // namespace plan
