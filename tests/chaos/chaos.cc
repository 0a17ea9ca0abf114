// Random histories, each on a server of its own: chaos [--seeds N] [--seed S] [--keep]. Ends with 0 where none failed.
#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <thread>

#include "application.h"
#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "ground.h"
#include "history.h"
#include "judge.h"
#include "operator.h"
#include "script.h"
#include "world.h"

namespace chaos {
namespace {

struct Asked {
  std::uint64_t first = 1;
  int seeds = 1;
  bool keep = false;
};

void LoadCold(const World& world, pg::Connection& connection) {
  for (const Table& table : world.tables) {
    if (table.made) continue;
    std::string values;
    for (const Column& column : table.columns) {
      if (!column.before.empty()) values += ", " + ColdSql(column, Version::kOld);
    }
    connection.Exec(fmt::format("INSERT INTO public.{} (id, {}) SELECT id{} FROM generate_series({}, {}) id",
                                table.name, ColumnsOf(table, Version::kOld), values, kColdFrom,
                                kColdFrom + world.cold_rows - 1));
  }
}

void Live(std::uint64_t seed, bool keep, History& history) {
  const World world = DrawWorld(seed);
  const Script script = DrawScript(seed);
  Ground ground(world);
  if (keep) ground.Keep();
  if (keep) history.Tell("kept in " + ground.root().string());
  auto connection = ground.Connect();
  LoadCold(world, connection);
  const Expected expected = Expect(world, connection);
  Applications applications;
  for (int i = 0; i < kApplications; ++i) {
    applications.push_back(std::make_unique<Application>(world, seed, i, ground.url()));
    applications.back()->Load();
  }
  for (const auto& application : applications) application->Turn(Version::kOld);
  Operator operates(ground, expected, script, applications, history);
  for (const Line& line : script.lines) {
    if (!history.failed()) operates.Perform(line);
  }
  if (history.failed() || !operates.Finish()) return;
  std::int64_t acknowledged = 0;
  for (const auto& application : applications) application->Turn(std::nullopt);
  for (const auto& application : applications) acknowledged += application->ledger().acknowledged();
  history.Tell(fmt::format("{} rows were written and acknowledged", acknowledged));
  const bool second = script.second_complete && operates.second_begun();
  Judge(ground, world, script, expected, operates, applications, second, history);
}

void ShowScript(std::uint64_t seed) {
  const World world = DrawWorld(seed);
  const Script script = DrawScript(seed);
  std::cout << fmt::format("history {}: {}", seed, world.cold_rows) << " rows of each table\n" << world.change;
  for (const Line& line : script.lines) std::cout << "  " << Text(line) << "\n";
  std::cout << fmt::format(
      "  end: {}{}\n", Name(script.end),
      script.last == Accident::kNone ? "" : fmt::format(", {} at {} %", Name(script.last), script.last_at));
}

// One history; what was counted in it goes to `counts`, a line each.
int One(std::uint64_t seed, bool keep, const std::string& counts) {
  History history;
  sandbox::Workspace::SweepStale();
  try {
    Live(seed, keep, history);
  } catch (const base::Error& error) {
    history.Fail("the history broke off: " + error.Text());
  }
  std::string text;
  for (const auto& [name, count] : history.counts()) text += fmt::format("{}\t{}\n", name, count);
  if (!counts.empty()) base::WriteFile(counts, text);
  if (!history.failed()) {
    std::cout << fmt::format("history {}: held, {}\n", seed, history.lines().back());
    return 0;
  }
  ShowScript(seed);
  for (const std::string& line : history.lines()) std::cout << line << "\n";
  std::cout << fmt::format("history {}: FAILED\n", seed);
  return 1;
}

void Table(const std::map<std::string, int>& counts) {
  const auto row = [&](const char* name) {
    const auto found = counts.find(name);
    std::cout << fmt::format("  {:<24}{:>6}\n", name, found == counts.end() ? 0 : found->second);
  };
  std::cout << "\nacts\n";
  for (int act = 0; act < kActs; ++act) row(Name(static_cast<Act>(act)));
  std::cout << "accidents\n";
  for (int accident = 1; accident < kAccidents; ++accident) row(Name(static_cast<Accident>(accident)));
}

// As many at once as there are processors, each in a process of its own.
int Many(const Asked& asked, const char* program) {
  struct Each {
    std::uint64_t seed;
    base::Child child;
    std::string log;
  };
  std::map<std::string, int> counts;
  std::vector<std::uint64_t> failed;
  std::vector<Each> at_work;
  const auto reap = [&](Each& each) {
    if (each.child.Wait(std::chrono::hours(1)) != 0) failed.push_back(each.seed);
    std::cout << base::ReadFileIfExists(each.log).value_or("") << std::flush;
    std::istringstream lines(base::ReadFileIfExists(each.log + ".counts").value_or(""));
    for (std::string line; std::getline(lines, line);) {
      const std::size_t tab = line.find('\t');
      counts[line.substr(0, tab)] += std::stoi(line.substr(tab + 1));
    }
    ::unlink(each.log.c_str());
    ::unlink((each.log + ".counts").c_str());
  };
  const std::string logs = std::filesystem::temp_directory_path() / fmt::format("chaos-{}", ::getpid());
  const std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
  for (int i = 0; i < asked.seeds; ++i) {
    if (at_work.size() == jobs) {
      reap(at_work.front());
      at_work.erase(at_work.begin());
    }
    const std::uint64_t seed = asked.first + static_cast<std::uint64_t>(i);
    const std::string log = fmt::format("{}-{}", logs, seed);
    base::Command command{.argv = {program, "--one", std::to_string(seed), log + ".counts"}};
    if (asked.keep) command.argv.emplace_back("--keep");
    at_work.push_back({seed, base::Child::Start(command, log), log});
  }
  for (Each& each : at_work) reap(each);
  Table(counts);
  std::cout << fmt::format("\n{} histories, {} failed", asked.seeds, failed.size());
  for (const std::uint64_t seed : failed) std::cout << " " << seed;
  std::cout << "\n";
  return failed.empty() ? 0 : 1;
}

}  // namespace
}  // namespace chaos

int main(int argc, char** argv) {
  chaos::Asked asked;
  std::string one;
  std::string counts;
  bool seeds_given = false;
  bool seed_given = false;
  bool show = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool more = i + 1 < argc;
    if (word == "--seeds" && more) {
      asked.seeds = std::atoi(argv[++i]);
      seeds_given = true;
    } else if (word == "--seed" && more) {
      asked.first = std::strtoull(argv[++i], nullptr, 10);
      seed_given = true;
    } else if (word == "--keep") {
      asked.keep = true;
    } else if (word == "--show") {
      show = true;
    } else if (word == "--one" && i + 2 < argc) {
      one = argv[++i];
      counts = argv[++i];
    } else {
      std::cerr << "chaos [--seeds N] [--seed S] [--keep] [--show]\n";
      return 2;
    }
  }
  if (!one.empty()) return chaos::One(std::strtoull(one.c_str(), nullptr, 10), asked.keep, counts);
  if (show) {
    chaos::ShowScript(asked.first);
    return 0;
  }
  if (seed_given && !seeds_given) return chaos::One(asked.first, asked.keep, "");
  if (!seeds_given) asked.seeds = 10;
  return chaos::Many(asked, argv[0]);
}
