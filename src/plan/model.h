#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"
#include "sql/parse.h"

namespace plan {

// What the steps of a plan make of columns, constraints, indexes and triggers, told from their own text: a database of
// names only, without a server or rows. Statements that it cannot read (blocks, the author's own) change nothing in it.
class Model {
 public:
  struct Column {
    int id = 0;  // stays through renames
    bool not_null = false;
    std::string default_text = {};
  };
  struct Constraint {
    std::string definition = {};
    bool valid = true;
    std::string index = {};  // that it took over
  };
  struct Trigger {
    std::string events = {};  // "... BEFORE INSERT"
    std::string function = {};
  };
  struct Table {
    std::map<std::string, Column> columns = {};
    std::map<std::string, Constraint> constraints = {};
    std::map<std::string, Trigger> triggers = {};
    std::string identity = {};
    bool lost_columns = false;  // what hung on them went along, unseen
  };

  // As the plan found its tables. `data`: the answer to every condition that asks for more than names, which rows and
  // blocks decide.
  // `described`: the plan's tables as catalog::Describe has them.
  Model(const Plan& plan, const base::Json& described, bool data);

  // Runs the step one way; what the server would refuse is kept as a problem.
  void Run(const Step& step, bool forward);
  // A sentence each, since the last call.
  std::vector<std::string> TakeProblems() { return std::exchange(problems_, {}); }

  [[nodiscard]] const std::map<pg::QualifiedName, Table>& tables() const { return tables_; }
  // The column that ADD COLUMN made under this name, wherever it is now.
  [[nodiscard]] std::optional<int> Made(const pg::QualifiedName& table, const std::string& column) const;
  // What the column is called; nothing: it is not there.
  [[nodiscard]] std::optional<std::string> NameOf(const pg::QualifiedName& table, int id) const;
  // The bodies of the functions that triggers of this event run for each row.
  [[nodiscard]] std::vector<std::string> Functions(const pg::QualifiedName& table, const std::string& event) const;
  // How this differs from the other, for people; empty: in nothing.
  [[nodiscard]] std::string Difference(const Model& other) const;

 private:
  struct Text;  // the plan's statements and conditions, read once

  [[nodiscard]] bool Holds(const std::string& condition) const;
  [[nodiscard]] std::optional<bool> Answer(const std::string& condition) const;
  void Apply(const sql::Action& action);
  void ApplyToColumn(const sql::Action& action, Table& table);
  void ApplyToConstraint(const sql::Action& action, Table& table);
  void AddConstraint(const sql::Action& action, Table& table);
  void ApplyToTrigger(const sql::Action& action);
  void SetNotNull(const sql::Action& action, Column& column, const Table& table);
  void Expect(bool holds, const sql::Action& action, const std::string& problem);

  std::shared_ptr<const Text> text_;
  bool data_ = true;
  int columns_ = 0;
  std::map<pg::QualifiedName, Table> tables_;
  std::map<pg::QualifiedName, pg::QualifiedName> indexes_;  // index -> its table
  std::map<std::string, std::string> functions_;            // qualified, as written -> CREATE statement
  std::map<std::pair<pg::QualifiedName, std::string>, int> made_;
  std::string step_;
  std::vector<std::string> problems_;
};

}  // namespace plan
