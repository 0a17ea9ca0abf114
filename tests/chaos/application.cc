#include "application.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"

namespace chaos {
namespace {

constexpr auto kPause = std::chrono::milliseconds(12);

// With its own and, of a table below another, theirs: what goes when the row goes.
std::vector<std::pair<std::string, std::int64_t>> Below(const World& world, const Ledger& ledger,
                                                        const std::string& name, std::int64_t id) {
  std::vector<std::pair<std::string, std::int64_t>> rows = {{name, id}};
  for (const Table& child : world.tables) {
    if (child.parent != name) continue;
    for (const std::int64_t each : ledger.ChildrenOf(child, id)) {
      const auto below = Below(world, ledger, child.name, each);
      rows.insert(rows.end(), below.begin(), below.end());
    }
  }
  return rows;
}

}  // namespace

std::string ColumnsOf(const Table& table, Version version) {
  std::string columns;
  for (const Column& column : table.columns) {
    if (!column.In(version).empty()) columns += (columns.empty() ? "" : ", ") + column.In(version);
  }
  return columns;
}

Read RowOf(const pg::Result& result, int row, int first_column) {
  if (row >= result.rows()) return std::nullopt;
  std::map<std::string, Value> values;
  for (int i = first_column; i < result.columns(); ++i) values[result.ColumnName(i)] = result.Optional(row, i);
  return values;
}

Application::Application(const World& world, std::uint64_t seed, int index, std::string url)
    : world_(world),
      random_(seed, fmt::format("application {}", index)),
      index_(index),
      url_(std::move(url)),
      ledger_(world),
      thread_([this] { Work(); }) {}

Application::~Application() {
  stop_ = true;
  thread_.join();
}

void Application::Turn(std::optional<Version> version) {
  const std::lock_guard lock(mutex_);
  if (version_ != version) connection_.reset();
  version_ = version;
}

void Application::MoveTo(std::string url) {
  const std::lock_guard lock(mutex_);
  connection_.reset();
  url_ = std::move(url);
}

std::optional<Version> Application::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::vector<std::string> Application::Complaints() {
  const std::lock_guard lock(mutex_);
  return std::exchange(complaints_, {});
}

void Application::Complain(const std::string& text) {
  complaints_.push_back(fmt::format("application {}: {}", index_, text));
}

void Application::Load() {
  const std::lock_guard lock(mutex_);
  version_ = Version::kOld;
  connection_.emplace(pg::Connection::Open({.conninfo = url_, .application_name = "shop-old"}));
  for (int i = 0; i < 4; ++i) InsertSome();
  version_.reset();
  connection_.reset();
}

void Application::Work() {
  while (!stop_) {
    std::this_thread::sleep_for(kPause);
    const std::lock_guard lock(mutex_);
    if (!version_) continue;
    try {
      if (!connection_) {
        connection_.emplace(
            pg::Connection::Open({.conninfo = url_, .application_name = fmt::format("shop-{}", Name(*version_))}));
      }
      Step();
    } catch (const base::Error& error) {
      if (!connection_ || connection_->Broken()) {
        connection_.reset();
        continue;
      }
      connection_.reset();
      if (error.sqlstate() == "25006" && fence_awaited_) {
        version_.reset();
        continue;
      }
      Complain(
          fmt::format("a statement of the {} version failed: {} {}", Name(*version_), error.sqlstate(), error.what()));
      version_.reset();  // one is enough: what follows from it would only repeat it
    }
  }
}

void Application::Step() {
  const auto open = ledger_.Open(*version_);
  if (!open.empty()) return ReadBack(open.front().first, open.front().second);
  const int dice = random_.Below(100);
  if (dice < 25) return InsertSome();
  if (dice < 70) return UpdateOne();
  if (dice < 78) return DeleteOne();
  const Table& table = random_.Of(world_.tables);
  if (const auto present = ledger_.Present(table.name); !present.empty()) {
    if (table.made && *version_ == Version::kOld) return;
    ReadBack(table.name, random_.Of(present));
  }
}

void Application::ReadBack(const std::string& name, std::int64_t id) {
  const Table& table = world_.Named(name);
  const pg::Result rows = connection_->Query(
      fmt::format("SELECT {} FROM public.{} WHERE id = $1", ColumnsOf(table, *version_), name), {std::to_string(id)});
  if (const std::string wrong = ledger_.Observe(*version_, name, id, RowOf(rows, 0, 0)); !wrong.empty()) {
    Complain(wrong);
    version_.reset();  // one is enough: what follows from it would only repeat it
  }
}

void Application::Do(const std::vector<Write>& writes) {
  bool committing = false;
  try {
    if (writes.size() > 1) connection_->Exec("BEGIN");
    for (const Write& write : writes) {
      committing = writes.size() == 1;
      const pg::Result done = connection_->Query(write.sql, write.params);
      if (done.affected() != 1) {
        Complain(fmt::format("{} {}: the row that it wrote is gone", write.table, write.id));
        version_.reset();
        connection_.reset();
        return;
      }
    }
    committing = true;
    if (writes.size() > 1) connection_->Exec("COMMIT");
  } catch (const base::Error&) {
    if (committing && connection_->Broken()) {
      for (const Write& write : writes) ledger_.Doubt(write.table, write.id, write.change);
    }
    throw;
  }
  for (const Write& write : writes) ledger_.Acknowledge(write.table, write.id, write.change);
}

Application::Write Application::Insert(const Table& table, std::int64_t id, std::int64_t parent) {
  Write write{.table = table.name, .id = id, .change = {}, .sql = {}, .params = {std::to_string(id)}};
  std::map<std::string, Cell> cells;
  std::string places = "$1";
  for (const Column& column : table.columns) {
    Value value = Fresh(column, *version_, static_cast<int>(id));
    if (column.kind == Kind::kReference) value = std::to_string(parent);
    if (column.kind == Kind::kCounter) value = std::to_string(id % 7);
    cells[column.name] = Inserted(column, *version_, value);
    if (column.In(*version_).empty()) continue;
    write.params.push_back(value);
    places += fmt::format(", ${}", write.params.size());
  }
  write.sql =
      fmt::format("INSERT INTO public.{} (id, {}) VALUES ({})", table.name, ColumnsOf(table, *version_), places);
  write.change = [cells](const State&) -> State { return cells; };
  return write;
}

// A customer with orders and items, or an order of one, or a row of the stock.
void Application::InsertSome() {
  const auto customers = ledger_.Present("customers");
  std::vector<Write> writes;
  std::int64_t customer = 0;
  if (customers.size() < 4 || random_.Chance(20)) {
    customer = NextId();
    writes.push_back(Insert(world_.Named("customers"), customer, 0));
  } else {
    customer = random_.Of(customers);
  }
  const std::int64_t order = NextId();
  writes.push_back(Insert(world_.Named("orders"), order, customer));
  for (const Table& table : world_.tables) {
    if (table.parent != "orders" || (table.made && *version_ == Version::kOld)) continue;
    writes.push_back(Insert(table, NextId(), order));
  }
  Do(writes);
  if (random_.Chance(50)) Do({Insert(world_.Named("stock"), NextId(), 0)});
}

void Application::UpdateOne() {
  const Table& table = random_.Of(world_.tables);
  const auto present = ledger_.Present(table.name);
  const Column& column = random_.Of(table.columns);
  const std::string name = column.In(*version_);
  if (present.empty() || name.empty() || column.kind == Kind::kReference) return;
  if (table.made && *version_ == Version::kOld) return;
  const std::int64_t id = random_.Of(present);
  const Version by = *version_;
  Value value = Fresh(column, by, 1 + random_.Below(1'000'000));
  std::string to = "$2";
  if (column.kind == Kind::kCounter) {
    const std::int64_t sum = std::stoll(*ledger_.At(table.name, id)->at(column.name).before);
    if (sum + 3 >= kStride) return;
    to = name + " + $2::int";
    const int more = 1 + random_.Below(3);
    value = std::to_string(more);
    Do({{table.name,
         id,
         [column, more](const State& state) -> State {
           State counted = state;
           const Value now = std::to_string(std::stoll(*state->at(column.name).before) + more);
           (*counted)[column.name] = {now, now};
           return counted;
         },
         fmt::format("UPDATE public.{} SET {} = {} WHERE id = $1", table.name, name, to),
         {std::to_string(id), value}}});
    return;
  }
  Do({{table.name,
       id,
       [column, by, value](const State& state) -> State {
         State written = state;
         (*written)[column.name] = Written(column, by, value);
         return written;
       },
       fmt::format("UPDATE public.{} SET {} = {} WHERE id = $1", table.name, name, to),
       {std::to_string(id), value}}});
}

// An order, with what hangs on it.
void Application::DeleteOne() {
  const auto orders = ledger_.Present("orders");
  if (orders.size() < 6) return;
  const std::int64_t order = random_.Of(orders);
  const auto gone = [](const State&) -> State { return std::nullopt; };
  const auto below = Below(world_, ledger_, "orders", order);
  try {
    Do({{"orders", order, gone, "DELETE FROM public.orders WHERE id = $1", {std::to_string(order)}}});
  } catch (const base::Error&) {
    const bool doubted = ledger_.Rows("orders").at(order).size() > 1;
    for (std::size_t i = 1; doubted && i < below.size(); ++i) ledger_.Doubt(below[i].first, below[i].second, gone);
    throw;
  }
  for (std::size_t i = 1; i < below.size(); ++i) {
    // Of a table that the release made, and an undo has hidden, the rows stay until it comes back.
    if (world_.Named(below[i].first).made && *version_ == Version::kOld) {
      ledger_.Doubt(below[i].first, below[i].second, gone);
    } else {
      ledger_.Acknowledge(below[i].first, below[i].second, gone);
    }
  }
}

}  // namespace chaos
