#pragma once

#include <cstdint>
#include <string_view>

namespace kist {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

/// Where the core's rare messages to the operator go; one per instance, passed down, null where nobody
/// listens. Called on any thread. The text is gone when the call returns.
class LogSink {
 public:
  virtual void log(LogLevel level, std::string_view text) = 0;

 protected:
  ~LogSink() = default;
};

/// Formats like printf, 511 bytes at most, and hands it to `sink` (which may be null).
void logTo(LogSink* sink, LogLevel level, const char* format, ...) __attribute__((format(printf, 3, 4)));

}  // namespace kist
