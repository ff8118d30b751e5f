#pragma once

#include <string>
#include <unordered_map>

#include "sandbox/fal_files.h"
#include "sandbox/fal_journal.h"

namespace i2m::sandbox::fal {

/// Uploads by the JavaScript client's protocol (initiate, PUT, or parts) and by the Python client's (token, POST), and
/// the downloads of what is stored.
class Storage {
 public:
  Storage(Files& files, Journal& journal, const std::string& url) : files_{&files}, journal_{&journal}, url_{&url} {}

  Reply initiate(const Request& request);
  Reply token();
  Reply upload(const Request& request);
  Reply part(const Request& request);
  Reply complete(const Request& request);
  Reply download(const Request& request);
  Reply post_upload(const Request& request);
  Reply post_multipart(const Request& request);

 private:
  Lifecycle lifecycle(const Request& request);
  StoredFile* uploading(const Request& request, std::string_view path);

  Files* files_;
  Journal* journal_;
  const std::string* url_;
};

/// The path of the file that `/files/b/x/id_name/7` or `…/multipart/id/7` is a part of, and which: 0 when it is no
/// part.
struct PartPath {
  std::string file;
  int number = 0;
};
PartPath part_path(std::string_view path);

}  // namespace i2m::sandbox::fal
