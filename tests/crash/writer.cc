#include "writer.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/error.h"

namespace crash {
namespace {

constexpr auto kPause = std::chrono::milliseconds(15);

// The columns whose version may be deployed as the table stands: the new one from the triggers on that keep both in
// step, and alone behind contract.
std::vector<std::string> Deployable(pg::Connection& connection) {
  const pg::Result rows = connection.Exec(
      "WITH there AS (SELECT attname FROM pg_attribute WHERE attrelid = 'public.items'::regclass AND NOT attisdropped) "
      "SELECT attname FROM there WHERE attname = 'name' OR attname = 'title' AND (EXISTS (SELECT FROM pg_trigger WHERE "
      "tgrelid = 'public.items'::regclass AND NOT tgisinternal) OR NOT EXISTS (SELECT FROM there WHERE attname = "
      "'name'))");
  std::vector<std::string> columns;
  for (int row = 0; row < rows.rows(); ++row) columns.push_back(rows.Text(row, 0));
  return columns;
}

}  // namespace

Writer::Writer(std::string url) : url_(std::move(url)), thread_([this] { Work(); }) {}

Writer::~Writer() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void Writer::Work() {
  std::optional<pg::Connection> connection;
  while (!stop_) {
    try {
      if (!connection) connection.emplace(pg::Connection::Open({.conninfo = url_, .application_name = "shop"}));
      Write(*connection);
    } catch (const base::Error& error) {
      if (connection && !connection->Broken()) refused_.push_back(fmt::format("{} {}", error.sqlstate(), error.what()));
      connection.reset();
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Writer::Write(pg::Connection& connection) {
  // Nobody alters the table between the look and the write.
  connection.Exec("BEGIN; LOCK TABLE public.items IN ROW EXCLUSIVE MODE");
  std::map<int, std::string> sent;
  for (const std::string& column : Deployable(connection)) {
    const int id = kInsertedFrom + ++sent_;
    sent[id] = fmt::format("w{}", sent_);
    connection.Query(fmt::format("INSERT INTO public.items (id, {}) VALUES ($1, $2)", column),
                     {std::to_string(id), sent[id]});
    const int own = 1 + sent_ % kOwnRows;
    sent[own] = sent[id];
    connection.Query(fmt::format("UPDATE public.items SET {} = $2 WHERE id = $1", column),
                     {std::to_string(own), sent[own]});
  }
  for (const auto& [id, value] : sent) ledger_[id].in_doubt.push_back(value);
  connection.Exec("COMMIT");
  for (const auto& [id, value] : sent) ledger_[id] = {value, {}};
  ++acknowledged_;
}

std::vector<std::string> Writer::Missing() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  std::vector<std::string> missing = refused_;
  auto connection = pg::Connection::Open({.conninfo = url_});
  for (const std::string& column : Deployable(connection)) {
    std::map<int, std::string> found;
    const pg::Result rows = connection.Exec(
        fmt::format("SELECT id, {} FROM public.items WHERE id <= {} OR id >= {}", column, kOwnRows, kInsertedFrom));
    for (int row = 0; row < rows.rows(); ++row) found[static_cast<int>(rows.Int(row, 0))] = rows.Text(row, 1);
    for (const auto& [id, entry] : ledger_) {
      const auto row = found.find(id);
      const std::string value = row == found.end() ? "" : row->second;
      const bool late = std::ranges::find(entry.in_doubt, value) != entry.in_doubt.end();
      if (entry.value.empty() || value == entry.value || late) continue;
      missing.push_back(fmt::format("row {}: {} is \"{}\", acknowledged was \"{}\"", id, column, value, entry.value));
    }
  }
  return missing;
}

}  // namespace crash
