#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "base/clock.h"

namespace kist {

/// CPU time of this process, all threads, ns.
inline int64_t processCpuNs() {
  timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  return cpu.tv_sec * kSecond + cpu.tv_nsec;
}

/// CPU time of the calling thread, ns.
inline int64_t threadCpuNs() {
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return cpu.tv_sec * kSecond + cpu.tv_nsec;
}

/// How long all threads of this process together stood ready and were given no CPU, ns; 0 where the kernel
/// does not say.
inline int64_t deniedCpuNs() {
  int64_t total = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = tasks == nullptr ? nullptr : readdir(tasks)) {
    const std::string path = std::string("/proc/self/task/") + entry->d_name + "/schedstat";
    int64_t ran = 0;
    int64_t waited = 0;
    FILE* file = entry->d_name[0] == '.' ? nullptr : std::fopen(path.c_str(), "r");
    if (file == nullptr) continue;
    if (std::fscanf(file, "%" SCNd64 " %" SCNd64, &ran, &waited) == 2) total += waited;
    std::fclose(file);
  }
  if (tasks != nullptr) closedir(tasks);
  return total;
}

/// One line of JSON on standard output: how bench programs answer whoever started them.
class JsonLine {
 public:
  explicit JsonLine(const std::string& event) { text_ = "{\"event\":\"" + event + "\""; }

  JsonLine& add(const std::string& name, int64_t value) { return raw(name, std::to_string(value)); }
  JsonLine& add(const std::string& name, uint64_t value) { return raw(name, std::to_string(value)); }
  JsonLine& add(const std::string& name, double value) {
    char number[48];
    std::snprintf(number, sizeof number, "%.9g", value);
    return raw(name, number);
  }
  JsonLine& add(const std::string& name, const std::vector<int64_t>& values) {
    std::string list = "[";
    for (const int64_t value : values) list += (list.size() > 1 ? "," : "") + std::to_string(value);
    return raw(name, list + "]");
  }
  /// `json` is written as it stands.
  JsonLine& raw(const std::string& name, const std::string& json) {
    text_ += ",\"" + name + "\":" + json;
    return *this;
  }
  void print() const {
    std::printf("%s}\n", text_.c_str());
    std::fflush(stdout);
  }

 private:
  std::string text_;
};

/// Measured delays, ns; keeps every sample up to a bound, so that percentiles are exact.
class Samples {
 public:
  void add(int64_t value) {
    if (values_.size() < kMax) values_.push_back(std::max<int64_t>(value, 0));
  }
  void clear() { values_.clear(); }

  std::string json() {
    std::sort(values_.begin(), values_.end());
    std::string text = "{\"count\":" + std::to_string(values_.size());
    if (!values_.empty()) {
      int64_t sum = 0;
      for (const int64_t value : values_) sum += value;
      text += ",\"min\":" + std::to_string(values_.front()) + ",\"p50\":" + at(0.5) + ",\"p90\":" + at(0.9) +
              ",\"p99\":" + at(0.99) + ",\"max\":" + std::to_string(values_.back()) +
              ",\"mean\":" + std::to_string(sum / static_cast<int64_t>(values_.size()));
    }
    return text + "}";
  }

 private:
  static constexpr size_t kMax = 4'000'000;

  std::string at(double share) const {
    return std::to_string(values_[static_cast<size_t>(share * static_cast<double>(values_.size() - 1))]);
  }

  std::vector<int64_t> values_;
};

/// Commands, one a line, on standard input. Its end counts as `quit`, so that no bench program outlives its
/// caller.
class Commands {
 public:
  Commands() { fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK); }

  /// What came since the last call.
  std::vector<std::string> read() {
    std::vector<std::string> lines;
    char bytes[512];
    ssize_t count;
    while ((count = ::read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
      for (ssize_t i = 0; i < count; ++i) {
        if (bytes[i] != '\n') {
          partial_ += bytes[i];
          continue;
        }
        lines.push_back(partial_);
        partial_.clear();
      }
    }
    if (count == 0) lines.emplace_back("quit");
    return lines;
  }

 private:
  std::string partial_;
};

}  // namespace kist
