#include "cli/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace i2m::cli {
namespace {

bool write_all(int fd, std::span<const std::uint8_t> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Result<std::vector<std::uint8_t>> read_file(const std::string& path, std::size_t bytes_max) {
  constexpr std::size_t piece = 1 << 20;
  std::ifstream file(path, std::ios::binary);
  if (!file) return refuse(Code::NotFound, "in", "cannot open " + path + ": " + std::strerror(errno));
  std::vector<std::uint8_t> bytes;
  // One byte more than is allowed at most, to tell "too large" from "just fits".
  while (file && bytes.size() <= bytes_max) {
    const std::size_t had = bytes.size();
    bytes.resize(std::min(had + piece, bytes_max + 1));
    file.read(reinterpret_cast<char*>(bytes.data() + had), static_cast<std::streamsize>(bytes.size() - had));
    bytes.resize(had + static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) return refuse(Code::NotFound, "in", "cannot read " + path);
  if (bytes.size() > bytes_max) {
    return refuse(Code::FileTooLarge, "in", path + " is larger than " + std::to_string(bytes_max >> 20) + " MiB");
  }
  return bytes;
}

Result<> write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  std::string temporary = path + ".XXXXXX";
  const auto failed = [&] {
    return refuse(Code::Unavailable, "out", "cannot write " + path + ": " + std::strerror(errno));
  };
  const int fd = ::mkstemp(temporary.data());
  if (fd < 0) return failed();
  constexpr mode_t usual = 0644;  // mkstemp makes files for the owner alone
  const bool written = write_all(fd, bytes) && ::fchmod(fd, usual) == 0 && ::fsync(fd) == 0;
  if (::close(fd) == 0 && written && std::rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int why = errno;
  ::unlink(temporary.c_str());
  errno = why;
  return failed();
}

Result<> finish_output() {
  const bool sent = std::fflush(stdout) == 0;
  if (sent && std::ferror(stdout) == 0) return {};
  const std::string why = sent ? "" : std::string(": ") + std::strerror(errno);
  return refuse(Code::Unavailable, "", "the report could not be written to standard output" + why);
}

}  // namespace i2m::cli
