#pragma once

#include <filesystem>
#include <string>

#include "base/json.h"

namespace drill {

// Rows that the shop's tables are loaded with; the ids of the applications' own rows begin above.
inline constexpr int kLoadedCustomers = 200'000;
inline constexpr int kLoadedOrders = 120'000;
inline constexpr int kLoadedProducts = 1'000;
// Each running instance has a slot of its own below this: it changes only the loaded customers and orders of its slot,
// and makes its own keys, so that for each row one ledger knows the order of its writes.
inline constexpr int kShopSlots = 64;

struct ShopOptions {
  std::filesystem::path repository;  // queries.sql at its HEAD is the application
  std::filesystem::path address;     // a file that holds the connection string; read again when it changes
  std::filesystem::path ledger;
  std::string version;  // a label for the ledger
  int slot = 0;
  double rate = 40;  // requests a second
  unsigned seed = 1;
};

// The application of the drill: one process, one connection, requests at a steady rate until SIGTERM or SIGINT, or
// until its parent is gone. A request that is due while another hangs is made up for, never left out. It reads and
// writes customers and orders (loaded orders only where its queries have change_order), checks what it reads, counts a
// wrong answer as a failed request, reconnects on loss, and keeps a ledger. Result: {instance, version, requests, ok,
// failed, unknown, failures: {reason: count}}.
base::Json RunShop(const ShopOptions& options);

}  // namespace drill
