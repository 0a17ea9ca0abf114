#include "drill/release_act.h"

#include <fmt/core.h>

#include "base/file.h"
#include "drill/acts.h"

namespace drill {

ReleaseAct::ReleaseAct(Stage& stage, Claims& claims, const std::string& name)
    : stage_(stage),
      claims_(claims),
      name_(name),
      repository_(Repository::Create(stage.Directory(name + "/repo"))),
      server_(stage.NewServer(name, {{"archive_mode", "on"}})),  // an adopted server would not archive
      shops_(stage.Directory(name + "/shops"), repository_.directory()),
      tool_(repository_.directory(), server_.Url(kShopDatabase)) {}

void ReleaseAct::Check(const std::string& name, bool held, const std::string& text, const std::string& measured) {
  claims_.Check(name_ + "." + name, held, text, measured);
}

void ReleaseAct::Prepare(const std::string& release, const std::map<std::string, std::string>& files) {
  release_ = release;
  repository_.Commit({{"queries.sql", files.at("queries/shop-1.8.sql")}}, "Shop 1.8");
  tool_.Expect({"init", "--apply", "--repository", (stage_.ServerDirectory("backups") / name_).string()});
  server_.Stop();
  server_.Start();
  std::map<std::string, std::string> committed;
  for (const auto& [path, text] : files) committed["releases/" + release + "/" + path] = text;
  repository_.Commit(committed, "Release " + release);
  tool_.Expect({"plan", release});
  repository_.Commit({}, "Plan of release " + release);
  shops_.PointTo(ShopAddressOf(server_.Url()));
  for (int i = 0; i < kInstances; ++i) shops_.Start("1.8");
}

Traffic ReleaseAct::Since(std::int64_t from_us, const std::string& version) const {
  const std::vector<LedgerLine> all = shops_.Lines();
  std::vector<LedgerLine> lines;
  for (const LedgerLine& line : Between(all, from_us, NowUs())) {
    if (version.empty() || line.version == version) lines.push_back(line);
  }
  return Summarize(lines);
}

Account ReleaseAct::CompareNow() {
  pg::Connection connection = Inspect(server_.Url(kShopDatabase));
  return Compare(shops_.Lines(), connection);
}

void ReleaseAct::Fence() {
  pg::Connection connection = Inspect(server_.Url(kShopDatabase));
  connection.Exec("ALTER ROLE shop NOLOGIN");
  connection.Exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'shop'");
}

std::string ReleaseAct::Ask(const std::string& sql) { return Inspect(server_.Url(kShopDatabase)).Exec(sql).Text(0, 0); }

bool ReleaseAct::HasColumn(const std::string& column) {
  return Ask(fmt::format("SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.customers'::regclass "
                         "AND attname = '{}' AND NOT attisdropped)",
                         column)) == "t";
}

std::string ReleaseAct::BuildEvidence() {
  const std::string package = tool_.Expect({"evidence", "build", release_}).Result().at("package");
  const Tool::Finished verified = tool_.Run({"evidence", "verify", package});
  Check("evidence_verifies", verified.exit == 0, "the evidence package verifies",
        fmt::format("exit {}", verified.exit));

  const std::filesystem::path forged = stage_.Directory(name_ + "/forged");
  std::filesystem::copy(package, forged, std::filesystem::copy_options::recursive);
  std::string journal = base::ReadFile(forged / "journal.jsonl");
  const std::size_t second = journal.find('\n') + 1;
  journal.erase(second, journal.find('\n', second) + 1 - second);
  base::WriteFile(forged / "journal.jsonl", journal);
  const Tool::Finished refused = tool_.Run({"evidence", "verify", forged.string()});
  Check("forged_evidence_is_refused", refused.exit == 13, "the same package without its second journal line is refused",
        fmt::format("exit {}", refused.exit));
  return package;
}

}  // namespace drill
