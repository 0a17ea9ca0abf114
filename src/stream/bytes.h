#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace stream {

// Reads numbers in network byte order and texts off a message, and never past its end. Throws kStreamMalformed.
class Bytes {
 public:
  explicit Bytes(std::string_view data) : data_(data) {}

  template <typename Number>
  Number Take() {
    Number value = 0;
    for (const char byte : TakeText(sizeof(Number))) {
      if constexpr (sizeof(Number) > 1) value = static_cast<Number>(value << 8);
      value = static_cast<Number>(value | static_cast<unsigned char>(byte));
    }
    return value;
  }
  std::string_view TakeText(std::size_t size) {
    if (size > data_.size()) Malformed("a message ends too early");
    const std::string_view text = data_.substr(0, size);
    data_.remove_prefix(size);
    return text;
  }
  // Up to a NUL byte, which is taken too.
  std::string_view TakeName() {
    const std::size_t end = data_.find('\0');
    if (end == std::string_view::npos) Malformed("a name has no end");
    const std::string_view name = data_.substr(0, end);
    data_.remove_prefix(end + 1);
    return name;
  }
  [[nodiscard]] std::size_t Left() const { return data_.size(); }
  void End() const {
    if (!data_.empty()) Malformed("a message is longer than it says");
  }

  [[noreturn]] static void Malformed(const char* what) {
    throw base::Error(base::Code::kStreamMalformed, "a message of the stream cannot be understood").Detail(what);
  }

 private:
  std::string_view data_;
};

// The way back, for what this program writes itself.
template <typename Number>
void Put(std::string& to, Number value) {
  for (int shift = (static_cast<int>(sizeof(Number)) - 1) * 8; shift >= 0; shift -= 8) {
    to += static_cast<char>(static_cast<std::uint64_t>(value) >> shift & 0xFF);
  }
}

}  // namespace stream
