#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "stream/bytes.h"
#include "stream/reader.h"

namespace stream {
namespace {

constexpr std::size_t kPiece = 1 << 18;

}  // namespace

Piecewise::Piecewise(const std::filesystem::path& path, std::uint64_t at, std::uint64_t end)
    : path_(path), at_(at), end_(end) {
  if (at_ == end_) return;
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    throw base::Error(base::Code::kFileRead, "cannot read " + path.string()).Detail(std::strerror(errno));
  }
}

Piecewise::~Piecewise() {
  if (fd_ >= 0) ::close(fd_);
}

// The buffer has `size` bytes at least that are not used.
void Piecewise::Fill(std::size_t size) {
  if (buffer_.size() - used_ >= size) return;
  buffer_.erase(0, used_);
  used_ = 0;
  while (buffer_.size() < size) {
    const std::size_t had = buffer_.size();
    const std::size_t wanted = std::min<std::uint64_t>(std::max(size - had, kPiece), end_ - at_);
    buffer_.resize(had + wanted);
    const ssize_t got = wanted == 0 ? 0 : ::pread(fd_, buffer_.data() + had, wanted, static_cast<off_t>(at_));
    buffer_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw base::Error(base::Code::kFileRead, "cannot read " + path_.string()).Detail(std::strerror(errno));
    }
    if (got == 0) {
      throw base::Error(base::Code::kSpoolBroken, fmt::format("{} ends inside a message", path_.string()));
    }
    at_ += static_cast<std::uint64_t>(got);
  }
}

std::optional<std::string_view> Piecewise::Next() {
  if (used_ == buffer_.size() && at_ == end_) return std::nullopt;
  Fill(sizeof(std::uint32_t));
  const auto size = Bytes(std::string_view(buffer_).substr(used_)).Take<std::uint32_t>();
  if (size > buffer_.size() - used_ + (end_ - at_)) {
    throw base::Error(base::Code::kSpoolBroken, fmt::format("{} ends inside a message", path_.string()));
  }
  Fill(sizeof(size) + size);
  const std::string_view message = std::string_view(buffer_).substr(used_ + sizeof(size), size);
  used_ += sizeof(size) + size;
  return message;
}

}  // namespace stream
