#include "drill/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/file.h"

namespace drill {
namespace {

constexpr std::string_view kOutcomeNames[] = {"ok", "failed", "unknown"};

base::Json ToJson(const LedgerLine& line) {
  base::Json json = {{"at_us", line.at_us},
                     {"instance", line.instance},
                     {"version", line.version},
                     {"request", line.request},
                     {"outcome", kOutcomeNames[static_cast<int>(line.outcome)]}};
  if (!line.error.empty()) json["error"] = line.error;
  if (line.write) {
    json["write"] = {{"table", line.write->table},
                     {"row", line.write->row},
                     {"id", line.write->write},
                     {"values", line.write->values}};
  }
  return json;
}

LedgerLine FromJson(const base::Json& json) {
  LedgerLine line;
  line.at_us = json.at("at_us");
  line.instance = json.at("instance");
  line.version = json.at("version");
  line.request = json.at("request");
  const std::string outcome = json.at("outcome");
  line.outcome = outcome == "ok" ? Outcome::kOk : outcome == "failed" ? Outcome::kFailed : Outcome::kUnknown;
  line.error = json.value("error", "");
  if (json.contains("write")) {
    const base::Json& write = json.at("write");
    line.write = LedgerWrite{write.at("table"), write.at("row"), write.at("id"), write.at("values")};
  }
  return line;
}

}  // namespace

Ledger::Ledger(const std::filesystem::path& path)
    : path_(path), fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) {
    throw base::Error(base::Code::kFileWrite, "cannot open the ledger " + path.string()).Detail(std::strerror(errno));
  }
}

Ledger::~Ledger() { close(fd_); }

void Ledger::Append(const LedgerLine& line) {
  const std::string text = ToJson(line).dump() + "\n";
  if (write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    throw base::Error(base::Code::kFileWrite, "cannot append to the ledger " + path_.string())
        .Detail(std::strerror(errno));
  }
}

std::vector<LedgerLine> ReadLedgers(const std::filesystem::path& directory) {
  std::vector<LedgerLine> lines;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".ledger") continue;
    const std::string text = base::ReadFile(entry.path());
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      lines.push_back(
          FromJson(base::ParseJson(std::string_view(text).substr(begin, end - begin), entry.path().string())));
      begin = end + 1;
    }
  }
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.at_us < b.at_us; });
  return lines;
}

}  // namespace drill
