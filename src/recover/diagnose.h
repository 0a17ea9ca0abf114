#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "pg/connection.h"
#include "plan/plan.h"
#include "proof/invariants.h"
#include "recover/unconverted.h"
#include "release/release.h"

namespace recover {

// The point to which a restore would go.
struct RestorePoint {
  std::string name;
  std::string lsn;
  std::string backup;
  base::Time taken_at;
};

// What is known of a release without its database.
struct Case {
  const release::Release& release;
  const plan::Plan* plan = nullptr;           // null: there is no plan.lock.json that can be read
  const journal::Journal* journal = nullptr;  // null: its file cannot be read; `problems` says why
  std::optional<RestorePoint> checkpoint;
  std::vector<std::string> problems;  // met before, a sentence each
  base::Time now;
  std::chrono::milliseconds invariant_timeout = std::chrono::seconds(30);
};

struct Diagnosis {
  std::string release;
  base::Time at;
  bool asked_database = false;
  std::vector<std::string> problems;  // what could not be found out, and why

  std::string standing;  // a sentence
  bool rewound = false;  // the server was restored to before what the release did
  std::optional<plan::Phase> boundary;

  // The step that did not end well; nothing: none.
  struct Trouble {
    std::string step;
    std::string title;
    plan::Phase phase = plan::Phase::kExpand;
    journal::Direction direction = journal::Direction::kForward;
    std::string what;  // "failed", "interrupted", "half done", "drifted"
    std::string at;    // when; empty: not on record
    base::Json error;  // as the journal has it; null: none is on record
    std::string text;  // a sentence
  };
  std::optional<Trouble> trouble;

  struct StepState {
    std::string id;
    std::string title;
    std::string state;  // "done", "not begun", "rolled back", "half done", "not known"
  };
  std::vector<StepState> steps;

  struct BackfillState {
    std::string step;
    std::string relation;
    std::int64_t rows = 0;         // filled so far
    std::int64_t blocks_done = 0;  // of the table
    std::int64_t blocks = 0;
    bool done = false;
  };
  std::vector<BackfillState> backfills;
  std::vector<std::string> invalid_indexes;  // on touched tables

  std::optional<std::vector<std::string>> drift;  // of the touched objects, a sentence each; nothing: not compared
  std::optional<std::vector<proof::InvariantResult>> invariants;  // nothing: not asked

  Unconverted unconverted;
  std::vector<Unconverted::Row> kept;  // rows that a way back left alone, as the journal has them; `column` is empty

  struct Application {
    std::string name;
    std::string user;
    std::int64_t sessions = 0;
    std::int64_t oldest_transaction_ms = 0;
  };
  std::vector<Application> applications;  // connected to the database now

  std::optional<RestorePoint> restore_point;
  std::string proven_at;                   // when it was restored and verified last; empty: never
  std::optional<std::int64_t> restore_ms;  // how long that took

  struct Action {
    std::string command;  // empty: something to do by hand
    std::string why;
  };
  std::vector<Action> next;  // the least destructive first

  // True where nothing was found that needs anybody, and everything was looked at.
  [[nodiscard]] bool Healthy() const;
};

// Sessions that are connected to the database now, this one left out, by name and role.
std::vector<Diagnosis::Application> ReadApplications(pg::Connection& connection);

// Finds out what is wrong with a release, and changes nothing. `connection` null: the database is not reachable, and
// the journal alone speaks; `unreachable` says why. What fails on the way is a problem in the diagnosis, not an
// exception.
Diagnosis Diagnose(const Case& subject, pg::Connection* connection, const std::string& unreachable = {});

base::Json ToJson(const Diagnosis& diagnosis);
// For people, without a trailing newline.
std::string Text(const Diagnosis& diagnosis);

}  // namespace recover
