#include "world.h"

#include <fmt/core.h>

#include <stdexcept>

namespace chaos {
namespace {

constexpr const char* kDefault = "EUR";

std::string Lowered(const std::string& text) {
  std::string lowered;
  for (const char c : text) {
    if (c != ' ') lowered += static_cast<char>(std::tolower(c));
  }
  return lowered;
}

Value Up(const Column& column, const Value& before) {
  if (column.kind == Kind::kAdded) return kDefault;
  if (column.kind == Kind::kLossy && before) return Lowered(*before);
  return before;
}

Value Down(const Column& column, const Value& after) {
  if (column.kind == Kind::kDropped) return std::nullopt;
  return after;
}

// A column that the release may change in the ways of `kinds`, or leave.
class Drawn {
 public:
  Drawn(Random& random, World& world) : random_(random), world_(world) {}

  Column Text(const std::string& table, const std::string& name, const std::vector<Kind>& kinds) {
    return Make(table, name, false, kinds);
  }
  Column Number(const std::string& table, const std::string& name, const std::vector<Kind>& kinds) {
    return Make(table, name, true, kinds);
  }

 private:
  Column Make(const std::string& table, const std::string& name, bool number, const std::vector<Kind>& kinds) {
    Column column{.name = name, .before = name, .after = name, .kind = random_.Of(kinds), .number = number};
    column.nullable = column.kind == Kind::kDropped;
    const std::string alter = "ALTER TABLE " + table + " ";
    const std::string renamed = "new_" + name;
    switch (column.kind) {
      case Kind::kRenamed:
        column.after = renamed;
        world_.change += fmt::format("{}RENAME COLUMN {} TO {};\n", alter, name, renamed);
        break;
      case Kind::kRetyped:
        column.after = renamed;
        world_.change += fmt::format("{0}RENAME COLUMN {1} TO {2};\n{0}ALTER COLUMN {2} TYPE {3};\n", alter, name,
                                     renamed, number ? "bigint" : "varchar(200)");
        break;
      case Kind::kWidened:
        world_.change += fmt::format("{}ALTER COLUMN {} TYPE bigint;\n", alter, name);
        break;
      case Kind::kLossy:
        column.after = renamed;
        world_.change += fmt::format("{}RENAME COLUMN {} TO {};\n", alter, name, renamed);
        world_.transforms +=
            fmt::format("  {}: {{{}: {{up: \"lower(btrim({}))\", down: \"{}\"}}}}\n", table, renamed, name, renamed);
        break;
      case Kind::kAdded:
        column.before.clear();
        world_.change += fmt::format("{}ADD COLUMN {} text NOT NULL DEFAULT '{}';\n", alter, name, kDefault);
        break;
      case Kind::kDropped:
        column.after.clear();
        world_.change += fmt::format("{}DROP COLUMN {};\n", alter, name);
        break;
      case Kind::kPlain:
      case Kind::kCounter:
      case Kind::kReference:
        break;
    }
    return column;
  }

  Random& random_;
  World& world_;
};

Column ReferenceTo(const std::string& name) {
  return {.name = name, .before = name, .after = name, .kind = Kind::kReference, .number = true};
}

std::string SchemaOf(const Table& table) {
  std::string sql = fmt::format("CREATE TABLE {} (id bigint PRIMARY KEY", table.name);
  for (const Column& column : table.columns) {
    if (column.before.empty()) continue;
    const char* type = column.kind == Kind::kReference ? "bigint" : column.number ? "int" : "text";
    sql += fmt::format(", {} {}{}", column.before, type, column.nullable ? "" : " NOT NULL");
    if (column.kind == Kind::kReference) sql += fmt::format(" REFERENCES {} ON DELETE CASCADE", table.parent);
  }
  return sql + ");\n";
}

void AddTables(Random& random, World& world) {
  Drawn drawn(random, world);
  world.tables.push_back({.name = "customers",
                          .columns = {drawn.Text("customers", "name", {Kind::kRenamed, Kind::kRenamed, Kind::kPlain}),
                                      drawn.Text("customers", "email", {Kind::kLossy, Kind::kPlain}),
                                      drawn.Number("customers", "age", {Kind::kRetyped, Kind::kWidened, Kind::kPlain}),
                                      drawn.Text("customers", "note", {Kind::kDropped, Kind::kPlain})},
                          .parent = {}});
  Table orders{.name = "orders",
               .columns = {ReferenceTo("customer_id"),
                           drawn.Number("orders", "total", {Kind::kRetyped, Kind::kWidened, Kind::kRenamed}),
                           drawn.Text("orders", "state", {Kind::kPlain, Kind::kRetyped})},
               .parent = "customers"};
  if (random.Chance(60)) orders.columns.push_back(drawn.Text("orders", "currency", {Kind::kAdded}));
  world.tables.push_back(orders);
  world.tables.push_back({.name = "items",
                          .columns = {ReferenceTo("order_id"), drawn.Text("items", "sku", {Kind::kPlain}),
                                      drawn.Number("items", "qty", {Kind::kWidened, Kind::kRenamed, Kind::kPlain})},
                          .parent = "orders"});
  world.tables.push_back(
      {.name = "stock",
       .columns = {Column{.name = "n", .before = "n", .after = "n", .kind = Kind::kCounter, .number = true},
                   Column{.name = "tag", .before = "tag", .after = "tag", .nullable = true}},
       .parent = {}});
}

}  // namespace

const char* Name(Version version) { return version == Version::kOld ? "old" : "new"; }

Cell Written(const Column& column, Version by, const Value& value) {
  return by == Version::kOld ? Cell{value, Up(column, value)} : Cell{Down(column, value), value};
}

Cell Inserted(const Column& column, Version by, const Value& value) {
  if (!column.In(by).empty()) return Written(column, by, value);
  return column.kind == Kind::kAdded ? Cell{std::nullopt, kDefault} : Cell{};
}

Value Fresh(const Column& column, Version by, int number) {
  if (column.number) return std::to_string(number);
  if (column.kind == Kind::kLossy && by == Version::kOld) return fmt::format("  W{} ", number);
  return fmt::format("w{}", number);
}

std::string ColdSql(const Column& column, Version version) {
  if (column.kind == Kind::kReference) return "id";
  if (column.kind == Kind::kCounter || column.number) return "(id % 1000)::int";
  if (column.kind == Kind::kAdded) return fmt::format("'{}'", kDefault);
  if (column.kind == Kind::kLossy && version == Version::kOld) return "'  C' || id || ' '";
  return "'c' || id";
}

const Table& World::Named(const std::string& name) const {
  for (const Table& table : tables) {
    if (table.name == name) return table;
  }
  throw std::out_of_range(name);
}

World DrawWorld(std::uint64_t seed) {
  Random random(seed, "world");
  World world;
  world.cold_rows = random.Of(std::vector<int>{300, 2000, 6000});
  AddTables(random, world);
  for (const Table& table : world.tables) world.schema += SchemaOf(table);
  if (random.Chance(50)) world.change += "ALTER TABLE items ADD CONSTRAINT items_once UNIQUE (order_id, sku);\n";
  if (random.Chance(40)) world.change += "ALTER TABLE orders ADD CONSTRAINT orders_id CHECK (id >= 0);\n";
  if (random.Chance(40)) world.change += "CREATE INDEX items_by_sku ON items (sku);\n";
  if (random.Chance(40)) world.change += "ALTER TABLE stock ALTER COLUMN tag SET NOT NULL;\n";
  if (world.change.find("stock") == std::string::npos && random.Chance(70)) {
    world.data = true;
    world.change += fmt::format("UPDATE stock SET n = n + {} WHERE id % 3 = 0;\n", kStride);
  }
  if (random.Chance(50)) {
    world.tables.push_back(
        {.name = "payments",
         .columns = {ReferenceTo("of_order"), Column{.name = "method", .before = {}, .after = "method"}},
         .parent = "orders",
         .made = true});
    world.change +=
        "CREATE TABLE payments (id bigint PRIMARY KEY, of_order bigint NOT NULL REFERENCES orders ON DELETE CASCADE, "
        "method text NOT NULL);\n";
  }
  world.second_change = random.Of(std::vector<std::string>{
      "ALTER TABLE customers ADD COLUMN grade int NOT NULL DEFAULT 5;\n",
      "CREATE INDEX orders_by_customer ON orders (customer_id);\n",
      "ALTER TABLE customers ADD COLUMN city text;\nCREATE INDEX customers_by_city ON customers (city);\n"});
  return world;
}

}  // namespace chaos
