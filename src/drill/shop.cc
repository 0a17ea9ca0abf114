#include "drill/shop.h"

#include <fmt/core.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <map>
#include <optional>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/time.h"
#include "drill/ledger.h"
#include "drill/queries.h"
#include "pg/connection.h"

namespace drill {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Values = std::map<std::string, std::string>;

// What the application got is not what it wrote.
struct WrongAnswer {
  std::string reason;
};

constexpr std::array kNames = {"Ada Lovelace", "Conan O'Brien",  "Åsa Öberg",
                               "Grace Hopper", "Seán Ó \"Dub\"", "李小龙"};

// Remembers what one instance wrote, so that it can check what it reads.
struct Memory {
  std::map<std::int64_t, Values> customers;
  std::map<std::int64_t, int> orders;  // quantity
  std::vector<std::int64_t> customer_ids;
  std::vector<std::int64_t> order_ids;
};

class Shop {
 public:
  explicit Shop(const ShopOptions& options)
      : options_(options),
        instance_(fmt::format("{}.{}", options.version, options.slot)),
        queries_(ParseQueries(
            base::RunOrThrow({.argv = {"git", "-C", options.repository.string(), "show", "HEAD:queries.sql"}}).out)),
        ledger_(options.ledger),
        random_(options.seed) {}

  void Request();
  [[nodiscard]] base::Json Summary() const;

 private:
  using Action = void (Shop::*)();

  void AddCustomer();
  void RenameCustomer();
  void ReadCustomer();
  void AddOrder();
  void ChangeOrder();
  void ReadOrder();

  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }
  std::string SomeName() {
    return fmt::format("{} {}", kNames[static_cast<std::size_t>(Below(kNames.size()))], Below(1000));
  }
  std::int64_t LoadedCustomer() { return options_.slot + 1 + kShopSlots * Below(kLoadedCustomers / kShopSlots); }
  std::int64_t LoadedOrder() { return options_.slot + 1 + kShopSlots * Below(kLoadedOrders / kShopSlots); }
  std::int64_t NextKey() { return 1'000'000 + 100'000L * options_.slot + ++keys_; }

  void Connect();
  pg::Result Ask(const std::string& name, Values values);
  // The rows changed; the values that the statement took, besides row and write, are what was written.
  std::int64_t Write(const std::string& name, const std::string& table, std::int64_t row, Values values);
  void Conclude(Outcome outcome, const std::string& error);

  ShopOptions options_;
  std::string instance_;
  ShopQueries queries_;
  Ledger ledger_;
  std::mt19937_64 random_;
  Memory memory_;
  std::optional<pg::Connection> connection_;
  std::string address_;
  std::filesystem::file_time_type address_read_{};
  std::int64_t keys_ = 0;
  std::int64_t writes_ = 0;
  std::int64_t requests_ = 0;
  std::array<std::int64_t, 3> counts_{};
  std::map<std::string, std::int64_t> failures_;
  LedgerLine line_;  // of the request under way
};

void Shop::Connect() {
  const auto written = std::filesystem::last_write_time(options_.address);
  if (written != address_read_) {
    std::string address = base::ReadFile(options_.address);
    while (!address.empty() && address.back() == '\n') address.pop_back();
    if (address != address_) connection_.reset();
    address_ = address;
    address_read_ = written;
  }
  if (connection_ && connection_->Broken()) connection_.reset();
  if (!connection_) {
    connection_ = pg::Connection::Open({.conninfo = address_,
                                        .application_name = "shop " + options_.version,
                                        .connect_timeout = milliseconds(1000),
                                        .statement_timeout = milliseconds(3000)});
  }
}

pg::Result Shop::Ask(const std::string& name, Values values) {
  const ShopQuery& query = queries_.at(name);
  pg::Params params;
  for (const std::string& parameter : query.parameters) params.emplace_back(values.at(parameter));
  return connection_->Query(query.sql, params);
}

std::int64_t Shop::Write(const std::string& name, const std::string& table, std::int64_t row, Values values) {
  const auto& takes = queries_.at(name).parameters;
  std::erase_if(values,
                [&](const auto& value) { return std::find(takes.begin(), takes.end(), value.first) == takes.end(); });
  line_.write = LedgerWrite{table, row, fmt::format("{}-{}", instance_, ++writes_), values};
  values["row"] = std::to_string(row);
  values["write"] = line_.write->write;
  return Ask(name, values).affected();
}

void Shop::AddCustomer() {
  const std::int64_t row = NextKey();
  if (Write("add_customer", "customers", row, {{"name", SomeName()}, {"phone", fmt::format("+46 {}", row)}}) != 1) {
    throw WrongAnswer{"customer not added"};
  }
  memory_.customers[row] = line_.write->values.get<Values>();
  memory_.customer_ids.push_back(row);
}

void Shop::RenameCustomer() {
  const bool own = !memory_.customer_ids.empty() && Below(2) == 0;
  const std::int64_t row =
      own ? memory_.customer_ids[static_cast<std::size_t>(Below(static_cast<int>(memory_.customer_ids.size())))]
          : LoadedCustomer();
  if (Write("rename_customer", "customers", row, {{"name", SomeName()}}) != 1)
    throw WrongAnswer{"customer to rename is gone"};
  const bool known = memory_.customers.contains(row);
  memory_.customers[row]["name"] = line_.write->values.at("name");
  if (!known) memory_.customer_ids.push_back(row);
}

void Shop::ReadCustomer() {
  if (memory_.customer_ids.empty()) return AddCustomer();
  const std::int64_t row =
      memory_.customer_ids[static_cast<std::size_t>(Below(static_cast<int>(memory_.customer_ids.size())))];
  const pg::Result result = Ask("read_customer", {{"row", std::to_string(row)}});
  if (result.rows() != 1) throw WrongAnswer{"customer is gone"};
  const Values& wrote = memory_.customers[row];
  if (result.Text(0, 0) != wrote.at("name")) throw WrongAnswer{"customer reads back another name"};
  if (result.columns() > 1 && wrote.contains("phone") && result.Text(0, 1) != wrote.at("phone")) {
    throw WrongAnswer{"customer reads back another phone"};
  }
}

void Shop::AddOrder() {
  if (queries_.contains("change_order") && Below(2) == 0) return ChangeOrder();
  const int quantity = 1 + Below(5);
  const std::int64_t row = NextKey();
  const bool own = !memory_.customer_ids.empty() && Below(2) == 0;
  const std::int64_t customer = own ? memory_.customer_ids.back() : LoadedCustomer();
  if (Write("add_order", "orders", row,
            {{"customer", std::to_string(customer)},
             {"product", std::to_string(1 + Below(kLoadedProducts))},
             {"quantity", std::to_string(quantity)}}) != 1) {
    throw WrongAnswer{"order not added"};
  }
  memory_.orders[row] = quantity;
  memory_.order_ids.push_back(row);
}

void Shop::ChangeOrder() {
  if (Write("change_order", "orders", LoadedOrder(), {{"quantity", std::to_string(1 + Below(5))}}) != 1) {
    throw WrongAnswer{"order to change is gone"};
  }
}

void Shop::ReadOrder() {
  if (memory_.order_ids.empty()) return AddOrder();
  const std::int64_t row =
      memory_.order_ids[static_cast<std::size_t>(Below(static_cast<int>(memory_.order_ids.size())))];
  const pg::Result result = Ask("read_order", {{"row", std::to_string(row)}});
  if (result.rows() != 1) throw WrongAnswer{"order is gone"};
  if (result.Int(0, 0) != memory_.orders.at(row)) throw WrongAnswer{"order reads back another quantity"};
  if (result.Int(0, 2) != result.Int(0, 0) * result.Int(0, 1)) throw WrongAnswer{"order total does not add up"};
}

void Shop::Conclude(Outcome outcome, const std::string& error) {
  line_.at_us = std::chrono::duration_cast<std::chrono::microseconds>(base::Now().time_since_epoch()).count();
  line_.outcome = outcome;
  line_.error = error;
  ledger_.Append(line_);
  ++counts_[static_cast<std::size_t>(outcome)];
  if (!error.empty()) ++failures_[error];
}

void Shop::Request() {
  static constexpr std::array<std::pair<const char*, Action>, 10> kMix = {{
      {"add_customer", &Shop::AddCustomer},
      {"add_customer", &Shop::AddCustomer},
      {"rename_customer", &Shop::RenameCustomer},
      {"rename_customer", &Shop::RenameCustomer},
      {"add_order", &Shop::AddOrder},
      {"add_order", &Shop::AddOrder},
      {"read_customer", &Shop::ReadCustomer},
      {"read_customer", &Shop::ReadCustomer},
      {"read_customer", &Shop::ReadCustomer},
      {"read_order", &Shop::ReadOrder},
  }};
  const auto& [name, action] = kMix[static_cast<std::size_t>(Below(kMix.size()))];
  line_ = {.instance = instance_, .version = options_.version, .request = name, .error = {}, .write = {}};
  ++requests_;
  bool sent = false;
  try {
    Connect();
    sent = true;
    (this->*action)();
    Conclude(Outcome::kOk, "");
  } catch (const WrongAnswer& wrong) {
    // A write that changed no row has not been made.
    line_.write.reset();
    Conclude(Outcome::kFailed, wrong.reason);
  } catch (const base::Error& error) {
    const bool unknown = sent && line_.write && (!connection_ || connection_->Broken());
    if (!unknown) {
      line_.write.reset();
    } else {  // what the row holds is not known any more
      memory_.customers.erase(line_.write->row);
      std::erase(memory_.customer_ids, line_.write->row);
    }
    const std::string reason = error.sqlstate().empty() ? base::CodeText(error.code()) : error.sqlstate();
    Conclude(unknown ? Outcome::kUnknown : Outcome::kFailed, reason);
  }
}

base::Json Shop::Summary() const {
  return {{"instance", instance_}, {"version", options_.version}, {"requests", requests_}, {"ok", counts_[0]},
          {"failed", counts_[1]},  {"unknown", counts_[2]},       {"failures", failures_}};
}

}  // namespace

base::Json RunShop(const ShopOptions& options) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // without the drill there is nobody left who would stop it
  Shop shop(options);
  const auto interval = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / options.rate));
  for (Clock::time_point due = Clock::now(); !base::Interrupted(); due += interval) {
    std::this_thread::sleep_until(due);
    shop.Request();
  }
  return shop.Summary();
}

}  // namespace drill
