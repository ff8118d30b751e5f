#pragma once

#include <boost/json/array.hpp>

#include <deque>
#include <string>
#include <string_view>

#include "sandbox/fal_faults.h"
#include "sandbox/fal_job.h"

namespace i2m::sandbox::fal {

/// What callers did: every call, and what no good caller does.
class Journal {
 public:
  struct Entry {
    Time at;
    Step step;
    std::string method;
    std::string path;
    std::string request_id;
    int status;  // 0: no answer
    std::string faults;
  };
  void record(Entry entry);
  /// `kind`: no_authorization, key_to_cdn, null_lifecycle, polled_too_fast.
  void violation(std::string_view kind, std::string_view method, std::string_view path, std::string detail = {});

  /// Those of one step; all when `step` is empty.
  boost::json::object calls(std::string_view step) const;
  boost::json::object violations() const;
  void clear();

 private:
  std::deque<Entry> calls_;
  boost::json::array violations_;
};

/// The accepted submits as rows, with what each costs by list and what was charged.
boost::json::object ledger_of(const std::vector<JobRef>& accepted);
boost::json::object requests_of(const std::vector<JobRef>& accepted);
std::string_view name_of(JobState state);

}  // namespace i2m::sandbox::fal
