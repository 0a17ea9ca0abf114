#include "pg/conninfo.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/error.h"
#include "pg/connection.h"
#include "pg/session.h"

namespace pg {
namespace {

using OptionList = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

// What libpq said, without what it quotes of the string.
std::string WithoutQuotedPart(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  auto first = text.find('"');
  auto last = text.rfind('"');
  if (first != std::string::npos) text.replace(first, last - first + 1, "...");
  return text;
}

base::Error BadString(std::string detail) {
  return base::Error(base::Code::kBadConnectionString, "the connection string is not understood")
      .Detail(std::move(detail));
}

const std::set<std::string>& SecretKeywords() {
  static const std::set<std::string> kKeywords = [] {
    std::set<std::string> found;
    OptionList list(PQconndefaults(), PQconninfoFree);
    for (auto* option = list.get(); option != nullptr && option->keyword != nullptr; ++option) {
      if (option->dispchar != nullptr && *option->dispchar == '*') found.insert(option->keyword);
    }
    return found;
  }();
  return kKeywords;
}

// A password with an unescaped @, / or : moves its rest into host or port, which error messages then show.
void RefuseTornPassword(const std::map<std::string, std::string>& options) {
  static const char* const kHint = "Percent-encode special characters of the password, or give it in PGPASSWORD.";
  if (auto host = options.find("host"); host != options.end() && host->second.find('@') != std::string::npos) {
    throw BadString("the host has an @ in it").Hint(kHint);
  }
  if (auto port = options.find("port"); port != options.end()) {
    bool number = std::all_of(port->second.begin(), port->second.end(),
                              [](char c) { return (c >= '0' && c <= '9') || c == ','; });
    if (!number) throw BadString("the port is not a number").Hint(kHint);
  }
}

}  // namespace

std::map<std::string, std::string> ParseConninfo(const std::string& conninfo) {
  if (conninfo.find('\0') != std::string::npos) throw BadString("it has a NUL byte in it");
  char* message = nullptr;
  OptionList list(PQconninfoParse(conninfo.c_str(), &message), PQconninfoFree);
  if (list == nullptr) {
    std::string text = message != nullptr ? message : "out of memory";
    PQfreemem(message);
    throw BadString(WithoutQuotedPart(text));
  }
  std::map<std::string, std::string> options;
  for (auto* option = list.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) options[option->keyword] = option->val;
  }
  RefuseTornPassword(options);
  return options;
}

std::string FormatConninfo(const std::map<std::string, std::string>& options) {
  std::string out;
  for (const auto& [keyword, value] : options) {
    if (!out.empty()) out += ' ';
    out += keyword + "='";
    for (char c : value) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    out += '\'';
  }
  return out;
}

std::string Effective(const std::map<std::string, std::string>& options, const std::string& keyword) {
  if (auto found = options.find(keyword); found != options.end()) return found->second;
  OptionList list(PQconndefaults(), PQconninfoFree);
  for (auto* option = list.get(); option != nullptr && option->keyword != nullptr; ++option) {
    if (keyword == option->keyword && option->val != nullptr) return option->val;
  }
  return "";
}

std::string Redacted(const std::string& conninfo) {
  std::map<std::string, std::string> options;
  try {
    options = ParseConninfo(conninfo);
  } catch (const base::Error&) {
    return "(a connection string that is not understood)";
  }
  std::string host = Effective(options, "host");
  if (host.empty()) host = Effective(options, "hostaddr");
  const std::string port = Effective(options, "port");
  const bool socket = host.empty() || host.front() == '/';
  std::string out = "postgresql://" + Effective(options, "user") + "@";
  if (!socket) out += host + (port.empty() ? "" : ":" + port);
  const std::string database = Effective(options, "dbname");
  out += "/" + (database.empty() ? Effective(options, "user") : database);
  if (socket) out += "?host=" + host + (port.empty() ? "" : "&port=" + port);
  return out;
}

Address AddressOf(const std::string& conninfo) {
  std::map<std::string, std::string> options;
  try {
    options = ParseConninfo(conninfo);
  } catch (const base::Error&) {
    return {};
  }
  Address address{.database = Effective(options, "dbname"), .host = Effective(options, "host")};
  if (address.database.empty()) address.database = Effective(options, "user");
  if (address.host.empty()) address.host = Effective(options, "hostaddr");
  if (address.host.empty()) address.host = "localhost";
  if (const std::string port = Effective(options, "port"); !port.empty()) address.host += ":" + port;
  return address;
}

bool HasPassword(const std::string& conninfo) {
  const auto options = ParseConninfo(conninfo);
  return std::any_of(options.begin(), options.end(),
                     [](const auto& option) { return SecretKeywords().count(option.first) > 0; });
}

std::string WithDatabase(const std::string& conninfo, const std::string& database) {
  auto options = ParseConninfo(conninfo);
  options["dbname"] = database;
  return FormatConninfo(options);
}

ChildConnection ForChild(const std::string& conninfo) {
  auto options = ParseConninfo(conninfo);
  ChildConnection child;
  if (auto password = options.find("password"); password != options.end()) {
    child.env.emplace_back("PGPASSWORD", password->second);
  }
  for (const auto& keyword : SecretKeywords()) options.erase(keyword);
  options["options"] = StartupOptions(Effective(options, "options"));
  child.conninfo = FormatConninfo(options);
  return child;
}

}  // namespace pg
