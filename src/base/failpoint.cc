#include "base/failpoint.h"

#include <fmt/core.h>

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <string>

#include "base/error.h"

namespace base {
namespace {

constexpr FailpointInfo kFailpoints[] = {
#define SB_FAILPOINT(id, name, where) {FailpointId::k##id, name, where},
#include "base/failpoints.def"
#undef SB_FAILPOINT
};

enum class Action { kKill, kError, kStop };

struct Armed {
  FailpointId id{};
  std::string name;
  long passings_left = 0;
  Action action = Action::kError;
};

enum class Status { kUnread, kOff, kArmed };
std::atomic<Status> g_status{Status::kUnread};
std::mutex g_mutex;
Armed g_armed;

[[noreturn]] void Refuse(std::string_view spec) {
  std::string names;
  for (const FailpointInfo& info : kFailpoints) names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
  throw Error(Code::kUsage, fmt::format("failpoint \"{}\" is not understood", spec))
      .Hint(fmt::format("Write NAME[@N]=kill, error or stop; the names are {}.", names));
}

Armed Parse(std::string_view spec) {
  const std::size_t equals = spec.find('=');
  if (equals == std::string_view::npos) Refuse(spec);
  std::string_view name = spec.substr(0, equals);
  const std::string_view action = spec.substr(equals + 1);
  Armed armed;
  armed.passings_left = 1;
  if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
    const std::string_view count = name.substr(at + 1);
    const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), armed.passings_left);
    if (error != std::errc{} || end != count.data() + count.size() || armed.passings_left < 1) Refuse(spec);
    name = name.substr(0, at);
  }
  if (action != "kill" && action != "error" && action != "stop") Refuse(spec);
  armed.action = action == "kill" ? Action::kKill : action == "stop" ? Action::kStop : Action::kError;
  for (const FailpointInfo& info : kFailpoints) {
    if (info.name != name) continue;
    armed.id = info.id;
    armed.name = name;
    return armed;
  }
  Refuse(spec);
}

void ArmLocked(std::string_view spec) {
  if (!spec.empty()) g_armed = Parse(spec);
  g_status = spec.empty() ? Status::kOff : Status::kArmed;
}

void Pass(FailpointId id) {
  const std::scoped_lock lock(g_mutex);
  if (g_status == Status::kUnread) {
    const char* spec = std::getenv("SWITCHBACK_FAILPOINT");
    ArmLocked(spec == nullptr ? "" : spec);
  }
  if (g_status == Status::kOff || g_armed.id != id || --g_armed.passings_left > 0) return;
  g_status = Status::kOff;
  switch (g_armed.action) {
    case Action::kKill:
      std::raise(SIGKILL);
      break;
    case Action::kStop:
      std::raise(SIGSTOP);
      break;
    case Action::kError:
      throw Error(Code::kFailpointError, fmt::format("failpoint {} was reached", g_armed.name));
  }
}

}  // namespace

std::span<const FailpointInfo> AllFailpoints() { return kFailpoints; }

void ArmFailpoint(std::string_view spec) {
  const std::scoped_lock lock(g_mutex);
  ArmLocked(spec);
}

void Failpoint(FailpointId id) {
  if (g_status.load(std::memory_order_relaxed) != Status::kOff) Pass(id);
}

}  // namespace base
