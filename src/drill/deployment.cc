#include "drill/deployment.h"

#include <fmt/core.h>

#include <csignal>

#include "base/error.h"
#include "base/file.h"
#include "drill/shop.h"
#include "drill/stage.h"

namespace drill {

using std::chrono::milliseconds;

Deployment::Deployment(const std::filesystem::path& directory, std::filesystem::path repository)
    : directory_(directory), repository_(std::move(repository)) {
  base::MakeDirectories(directory_, 0755);
}

Deployment::~Deployment() {
  for (Instance& instance : instances_) {
    instance.child.Signal(SIGKILL);
    instance.child.Wait(milliseconds(5000));
  }
}

void Deployment::PointTo(const std::string& address) { base::WriteFile(directory_ / "address", address + "\n"); }

void Deployment::Start(const std::string& version) {
  const int slot = started_++;
  if (slot >= kShopSlots) throw base::Error(base::Code::kInternal, "the drill started more shops than there are slots");
  const std::string name = fmt::format("{}.{}", version, slot);
  const std::filesystem::path ledger = directory_ / (name + ".ledger");
  const std::filesystem::path log = directory_ / (name + ".log");
  instances_.push_back(
      {version,
       base::Child::Start(
           {.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "drill-shop", "--repo",
                     repository_.string(), "--address", (directory_ / "address").string(), "--ledger", ledger.string(),
                     "--version-label", version, "--slot", std::to_string(slot), "--seed", std::to_string(slot + 1)},
            .inherit = base::Inherit::kAll},
           log),
       ledger, log});
  for (int wait = 0; wait < 200; ++wait) {
    std::error_code ignored;
    if (std::filesystem::file_size(ledger, ignored) > 0 && !ignored) return;
    if (!instances_.back().child.Running()) break;
    Stage::Dwell(milliseconds(50));
  }
  throw base::Error(base::Code::kDrillShop, fmt::format("shop {} did not begin to work", name))
      .Detail(base::ReadFile(log));
}

void Deployment::Await(std::size_t at) {
  Instance& instance = instances_.at(at);
  const auto exit = instance.child.Wait(milliseconds(10'000));
  if (exit == 0) {
    instances_.erase(instances_.begin() + static_cast<std::ptrdiff_t>(at));
    return;
  }
  instance.child.Signal(SIGKILL);
  throw base::Error(base::Code::kDrillShop, fmt::format("a shop did not stop in order: {}",
                                                        exit ? fmt::format("exit {}", *exit) : "it did not end"))
      .Detail(base::ReadFile(instance.log));
}

void Deployment::StopOldest() {
  instances_.front().child.Signal(SIGTERM);
  Await(0);
}

void Deployment::Stop(const std::string& version) {
  for (std::size_t at = instances_.size(); at-- > 0;) {
    if (instances_[at].version != version) continue;
    instances_[at].child.Signal(SIGTERM);
    Await(at);
  }
}

void Deployment::Roll(const std::string& version) {
  for (std::size_t old = instances_.size(); old > 0; --old) {
    Start(version);
    StopOldest();
  }
}

void Deployment::StopAll() {
  // One signal each: a second one would end a shop in the middle of a request.
  for (Instance& instance : instances_) instance.child.Signal(SIGTERM);
  while (!instances_.empty()) Await(0);
}

}  // namespace drill
