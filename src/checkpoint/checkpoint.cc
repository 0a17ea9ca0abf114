#include "checkpoint/checkpoint.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/digest.h"
#include "base/failpoint.h"
#include "base/file.h"

namespace checkpoint {
namespace {

using base::Json;

constexpr int kVersion = 2;

Json ContentJson(const Checkpoint& checkpoint) {
  if (!checkpoint.content) return nullptr;
  Json tables = Json::array();
  for (const auto& [table, hash] : *checkpoint.content) {
    tables.push_back({{"schema", table.schema},
                      {"table", table.name},
                      {"rows", std::to_string(hash.rows)},
                      {"sha256", hash.sha256}});
  }
  return tables;
}

Json TablesJson(const Checkpoint& checkpoint) {
  Json tables = Json::array();
  for (const pg::QualifiedName& table : checkpoint.tables) {
    tables.push_back({{"schema", table.schema}, {"table", table.name}});
  }
  return tables;
}

Json ProofJson(const std::optional<Proof>& proof) {
  if (!proof) return nullptr;
  return {{"at", base::FormatTime(proof->at)},
          {"copy_ms", proof->copy.count()},
          {"recover_ms", proof->recover.count()},
          {"verify_ms", proof->verify.count()},
          {"contents", proof->contents}};
}

Json Body(const Checkpoint& checkpoint) {
  Json body = {{"version", kVersion},
               {"release", checkpoint.release},
               {"plan_digest", checkpoint.plan_digest},
               {"environment", checkpoint.environment},
               {"database", checkpoint.database},
               {"database_oid", checkpoint.database_oid},
               {"role", checkpoint.role},
               {"time", base::FormatTime(checkpoint.time)},
               {"system_identifier", checkpoint.point.system_identifier},
               {"timeline", checkpoint.point.timeline},
               {"line", checkpoint.point.restored.empty() ? Json(nullptr) : Json(checkpoint.point.restored)},
               {"restore_point", checkpoint.point.name.empty() ? Json(nullptr) : Json(checkpoint.point.name)},
               {"lsn", checkpoint.point.lsn.Text()},
               {"segment", checkpoint.segment},
               {"backup", checkpoint.backup_id},
               {"scan_from", checkpoint.scan_from.Text()},
               {"publications", checkpoint.publications},
               {"slot", checkpoint.slot.empty() ? Json(nullptr) : Json(checkpoint.slot)},
               {"parking", checkpoint.parking ? Json(checkpoint.parking->Text()) : Json(nullptr)},
               {"tables", TablesJson(checkpoint)},
               {"touched", checkpoint.touched},
               {"content", ContentJson(checkpoint)},
               {"abilities_off", checkpoint.abilities_off},
               {"proof", ProofJson(checkpoint.proof)}};
  // A file of an earlier program has none, and its digest stays what it is.
  if (!checkpoint.relations.is_null()) body["relations"] = checkpoint.relations;
  return body;
}

std::chrono::milliseconds Milliseconds(const Json& json) { return std::chrono::milliseconds(json.get<std::int64_t>()); }

std::string TextOrEmpty(const Json& json) { return json.is_null() ? "" : json.get<std::string>(); }

Checkpoint Read(const Json& json) {
  Checkpoint checkpoint;
  checkpoint.release = json.at("release");
  checkpoint.plan_digest = json.at("plan_digest");
  checkpoint.environment = json.at("environment");
  checkpoint.database = json.at("database");
  checkpoint.database_oid = json.at("database_oid");
  checkpoint.role = json.at("role");
  checkpoint.time = base::ParseTime(json.at("time").get<std::string>());
  checkpoint.point = {.name = TextOrEmpty(json.at("restore_point")),
                      .lsn = backup::Lsn::Parse(json.at("lsn").get<std::string>()),
                      .timeline = json.at("timeline"),
                      .system_identifier = json.at("system_identifier"),
                      .restored = TextOrEmpty(json.at("line"))};
  checkpoint.segment = json.at("segment");
  checkpoint.backup_id = json.at("backup");
  checkpoint.scan_from = backup::Lsn::Parse(json.at("scan_from").get<std::string>());
  checkpoint.publications = json.at("publications").get<std::vector<std::string>>();
  checkpoint.slot = TextOrEmpty(json.at("slot"));
  if (const Json& parking = json.at("parking"); !parking.is_null()) {
    checkpoint.parking = backup::Lsn::Parse(parking.get<std::string>());
  }
  checkpoint.relations = json.value("relations", Json());
  for (const Json& table : json.at("tables")) {
    checkpoint.tables.push_back({table.at("schema"), table.at("table")});
  }
  checkpoint.touched = json.at("touched");
  checkpoint.abilities_off = json.at("abilities_off").get<std::vector<std::string>>();
  if (const Json& content = json.at("content"); !content.is_null()) {
    checkpoint.content.emplace();
    for (const Json& table : content) {
      (*checkpoint.content)[{table.at("schema"), table.at("table")}] = {
          .rows = std::stoll(table.at("rows").get<std::string>()), .sha256 = table.at("sha256")};
    }
  }
  if (const Json& proof = json.at("proof"); !proof.is_null()) {
    checkpoint.proof = Proof{.at = base::ParseTime(proof.at("at").get<std::string>()),
                             .copy = Milliseconds(proof.at("copy_ms")),
                             .recover = Milliseconds(proof.at("recover_ms")),
                             .verify = Milliseconds(proof.at("verify_ms")),
                             .contents = proof.at("contents")};
  }
  return checkpoint;
}

}  // namespace

std::filesystem::path FileOf(const std::filesystem::path& state) { return state / "checkpoint.json"; }
std::filesystem::path NextFileOf(const std::filesystem::path& state) { return state / "checkpoint.next.json"; }

std::string DigestOf(const Checkpoint& checkpoint) {
  return "sha256:" + base::Sha256Hex(base::Canonical(Body(checkpoint)));
}

Json ToJson(const Checkpoint& checkpoint) {
  Json json = Body(checkpoint);
  json["digest"] = DigestOf(checkpoint);
  return json;
}

Checkpoint FromJson(const Json& json) {
  try {
    if (json.at("version") != kVersion) {
      throw base::Error(
          base::Code::kBadJson,
          fmt::format("checkpoint.json has version {}, which this program does not know", json.at("version").dump()));
    }
    Json body = json;
    body.erase("digest");
    const std::string digest = "sha256:" + base::Sha256Hex(base::Canonical(body));
    if (json.at("digest") != digest) {
      throw base::Error(base::Code::kCheckpointBroken, "the digest of checkpoint.json does not fit its content");
    }
    return Read(json);
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kInternal) throw;  // what has no canonical form was not written by this program
    throw base::Error(base::Code::kBadJson, "checkpoint.json is broken").Detail(error.message());
  } catch (const Json::exception& error) {
    throw base::Error(base::Code::kBadJson, "checkpoint.json is broken").Detail(error.what());
  } catch (const std::logic_error& error) {
    throw base::Error(base::Code::kBadJson, "checkpoint.json is broken").Detail(error.what());
  }
}

void Write(const std::filesystem::path& state, const Checkpoint& checkpoint) {
  base::MakeDirectories(state);
  base::WriteFile(FileOf(state), ToJson(checkpoint).dump(2) + "\n", 0600);
}

void Replace(const std::filesystem::path& state, const Checkpoint& checkpoint, const std::function<void()>& record) {
  base::MakeDirectories(state);
  base::WriteFile(NextFileOf(state), ToJson(checkpoint).dump(2) + "\n", 0600);
  base::Failpoint(base::FailpointId::kCheckpointWritten);
  record();
  base::Failpoint(base::FailpointId::kCheckpointRecorded);
  Write(state, checkpoint);
  std::error_code ignored;
  std::filesystem::remove(NextFileOf(state), ignored);
  base::Failpoint(base::FailpointId::kCheckpointInForce);
}

std::string RecordedDigest(const journal::Journal& journal) {
  const journal::Counting counting(journal.events());
  const std::span<const journal::Event> events = counting.events();
  const auto last = std::find_if(events.rbegin(), events.rend(), [](const journal::Event& event) {
    return event.kind == "checkpoint" || event.kind == "proven";
  });
  return last == events.rend() ? "" : last->body.value("digest", "");
}

std::optional<std::string> TextInForce(const std::filesystem::path& state) {
  if (std::optional<std::string> next = base::ReadFileIfExists(NextFileOf(state))) {
    const Json digest = base::ParseJson(*next, NextFileOf(state).string()).value("digest", Json());
    if (digest == RecordedDigest(journal::Journal::Open(state))) return next;
  }
  return base::ReadFileIfExists(FileOf(state));
}

std::optional<Checkpoint> Find(const std::filesystem::path& state) {
  const std::optional<std::string> text = TextInForce(state);
  if (!text) return std::nullopt;
  return FromJson(base::ParseJson(*text, FileOf(state).string()));
}

Checkpoint Load(const std::filesystem::path& state) {
  std::optional<Checkpoint> found = Find(state);
  if (found) return *std::move(found);
  throw base::Error(base::Code::kNoCheckpoint, "there is no " + FileOf(state).string());
}

}  // namespace checkpoint
