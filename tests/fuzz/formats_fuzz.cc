// Feeds the readers of files with files that are almost right. They may refuse them with an error of their own, and
// nothing else: no crash, no other exception, and no more memory or time than a file of that size may take.
//
// formats_fuzz FORMAT SEEDS ITERATIONS [SECONDS]: SEEDS is a file with a seed behind each line "---", or "-" for those
// that this program makes itself. It ends with the first of the two that comes.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "backup/configuration.h"
#include "backup/wal.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/redact.h"
#include "base/text.h"
#include "base/time.h"
#include "checkpoint/checkpoint.h"
#include "evidence/compose.h"
#include "evidence/report.h"
#include "evidence/test_story.h"
#include "gate/gate.h"
#include "journal/position.h"
#include "release/release.h"

namespace {

using base::Json;

struct Format {
  std::function<std::vector<std::string>()> seeds;  // made here; empty: they come from the file
  std::function<void(const std::string&)> read;
  // Makes digests fit that a change broke: what lies behind them is reached too. Empty: there are none.
  std::function<void(Json&)> sign = {};
};

std::string Signed(const Json& body) { return "sha256:" + base::Sha256Hex(base::Canonical(body)); }

void SignCheckpoint(Json& json) {
  json.erase("digest");
  json["digest"] = Signed(json);
}

// A journal of one line.
void SignLine(Json& json) {
  json["seq"] = 1;
  json["prev"] = journal::kNoHash;
  json.erase("hash");
  json["hash"] = base::Sha256Hex(base::Canonical(json));
}

void ReadJournal(const std::string& text) {
  const journal::ChainCheck check = journal::CheckChain(text);
  for (const journal::Event& event : check.events) {
    if (event.kind == "verdict") gate::Replay(event.body);
  }
  try {
    journal::Derive(evidence::story::Plan(), check.events, {});
  } catch (const Json::exception&) {  // a member is missing: the program says which
  }
}

void ReadCheckpoint(const std::string& text) {
  const checkpoint::Checkpoint read = checkpoint::FromJson(base::ParseJson(text, "checkpoint.json"));
  backup::SegmentsBetween(read.point.timeline, {}, read.point.lsn, 16 << 20);
}

std::string CheckpointSeed() {
  checkpoint::Checkpoint seed;
  seed.point = {.name = "sb_1", .lsn = backup::Lsn::Parse("1/2345678"), .timeline = 1, .system_identifier = "7361"};
  seed.slot = "switchback_0a1b2c3d_1";
  seed.publications = {"sb_k", "sb_n"};
  seed.tables = {{"public", "users"}};
  seed.touched = Json::object();
  return checkpoint::ToJson(seed).dump(2);
}

std::vector<std::string> JournalSeeds() {
  std::vector<std::string> seeds;
  std::string all;
  for (const journal::Event& event : evidence::story::Events()) {
    all += journal::ToLine(event) + "\n";
    seeds.push_back(journal::ToLine(event) + "\n");
  }
  seeds.push_back(all);
  return seeds;
}

const std::map<std::string, Format>& Formats() {
  static const std::map<std::string, Format> formats = {
      {"release", {{}, [](const std::string& text) { release::ReadDeclared(text, "a-release"); }}},
      {"journal", {JournalSeeds, ReadJournal, SignLine}},
      {"checkpoint", {[] { return std::vector{CheckpointSeed()}; }, ReadCheckpoint, SignCheckpoint}},
      {"plan",
       {[] { return std::vector{plan::ToJson(evidence::story::Plan()).dump(1)}; },
        [](const std::string& text) { plan::PlanFromJson(base::ParseJson(text, "plan.lock.json")); }}},
      {"evidence",
       {[] {
          evidence::Inputs inputs{.release = "r",
                                  .files = {{"release.yaml", evidence::story::Yaml(evidence::story::Release())},
                                            {"change.sql", "SELECT 1"},
                                            {"plan.lock.json", plan::ToJson(evidence::story::Plan()).dump()}},
                                  .environment = "e",
                                  .program_version = "0",
                                  .events = {}};
          evidence::story::Teller teller{evidence::story::Events()};
          teller.Tell("inputs", evidence::InputsBody(inputs));
          return std::vector{base::Canonical(evidence::Compose(evidence::SourcesOf(inputs.files, teller.events)))};
        },
        [](const std::string& text) { evidence::Report(base::ParseJson(text, "evidence.json")); }}},
      {"configuration", {{}, [](const std::string& text) { backup::AllowListed(text); }}},
      {"texts",
       {{},
        [](const std::string& text) {
          base::Canonical(Json(base::Printable(text)));
          base::Canonical(Json(base::OneLine(text)));
          base::Canonical(Json(base::Excerpt(text, 200)));
          base::WithoutLiterals(text);
          try {
            base::ParseDuration(text);
          } catch (const base::Error& error) {
            if (error.code() != base::Code::kBadDuration) throw;
          }
        }}},
  };
  return formats;
}

void MayRefuse(const Format& format, const std::string& text) {
  try {
    format.read(text);
  } catch (const base::Error& error) {
    if (error.exit() == base::Exit::kBug) {
      std::fprintf(stderr, "%s\n%s\n", error.Text().c_str(), text.c_str());
      std::abort();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n%s\n", error.what(), text.c_str());
    std::abort();
  }
}

// What is read now, for OutOfTime.
std::string* reading = nullptr;

void OutOfTime(int /*signal*/) {
  constexpr std::string_view kSaid = "no end of reading\n";
  [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kSaid.data(), kSaid.size());
  written = write(STDERR_FILENO, reading->data(), reading->size());
  _exit(1);
}

using Random = std::mt19937;

std::size_t Below(Random& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

void ChangeBytes(std::string& text, const std::string& other, Random& random) {
  constexpr std::string_view kEdges("\0\1\n\x7f\x80\xff\"'[]{}:-,&*!", 19);
  const std::size_t at = Below(random, text.size());
  switch (random() % 6) {
    case 0:
      if (!text.empty()) text[at] = static_cast<char>(random());
      break;
    case 1:
      text.insert(at, 1 + Below(random, 300), kEdges[random() % kEdges.size()]);
      break;
    case 2:
      text.resize(at);
      break;
    case 3:
      text.insert(at, text.substr(at / 2, Below(random, 200)));
      break;
    case 4:
      text = text.substr(0, at) + other.substr(Below(random, other.size()));
      break;
    default:
      if (!text.empty()) text[at] = kEdges[random() % kEdges.size()];
  }
}

void ChangeValue(Json& value, Random& random) {
  while (value.is_structured() && !value.empty() && random() % 8 != 0) {
    auto inner = value.begin();
    std::advance(inner, static_cast<std::ptrdiff_t>(Below(random, value.size())));
    if (random() % 16 == 0) {
      value.erase(inner);
      return;
    }
    return ChangeValue(*inner, random);
  }
  const std::vector<Json> values = {nullptr,
                                    true,
                                    0,
                                    -1,
                                    1LL << 52,
                                    "",
                                    "FFFFFFFF/FFFFFFFF",
                                    "2026-99-99T00:00:00Z",
                                    "\u202E\n",
                                    Json::array(),
                                    Json::object(),
                                    Json::array({1, "x"}),
                                    {{"a", 1}},
                                    1.5};
  value = values[random() % values.size()];
}

std::vector<std::string> Seeds(const Format& format, const char* path) {
  if (format.seeds) return format.seeds();
  std::vector<std::string> seeds(1);
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line == "---") {
      seeds.emplace_back();
    } else {
      seeds.back() += line + "\n";
    }
  }
  return seeds;
}

std::int64_t MostMemoryMb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

std::string Changed(const Format& format, const std::vector<std::string>& seeds, Random& random) {
  std::string text = seeds[Below(random, seeds.size())];
  Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && random() % 2 == 0) {
    for (std::size_t times = 1 + Below(random, 3); times > 0; --times) ChangeValue(json, random);
    if (json.is_object() && format.sign) {
      try {
        format.sign(json);
      } catch (const base::Error&) {  // it has no canonical form any more
      }
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  for (std::size_t times = 1 + Below(random, 4); times > 0; --times) {
    ChangeBytes(text, seeds[Below(random, seeds.size())], random);
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  const auto format = argc < 4 ? Formats().end() : Formats().find(argv[1]);
  if (format == Formats().end()) return 2;
  const std::vector<std::string> seeds = Seeds(format->second, argv[2]);
  for (const std::string& seed : seeds) format->second.read(seed);  // what is right is understood
  constexpr std::int64_t kMostMb = 400;
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::seconds(argc > 4 ? std::atol(argv[4]) : 24L * 3600);
  constexpr unsigned kLongestSeconds = 10;
  std::signal(SIGALRM, OutOfTime);
  Random random(20261123);
  const long iterations = std::atol(argv[3]);
  long done = 0;
  for (; done < iterations && std::chrono::steady_clock::now() < until; ++done) {
    std::string text = Changed(format->second, seeds, random);
    reading = &text;
    alarm(kLongestSeconds);
    MayRefuse(format->second, text);
    alarm(0);
    if (MostMemoryMb() > kMostMb) {
      std::fprintf(stderr, "%lld MB of memory after\n%s\n", static_cast<long long>(MostMemoryMb()), text.c_str());
      return 1;
    }
  }
  std::printf("%s: %ld files, %lld MB at most\n", argv[1], done, static_cast<long long>(MostMemoryMb()));
  return 0;
}
