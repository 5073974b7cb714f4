#include "base/log.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace kist {

void logTo(LogSink* sink, LogLevel level, const char* format, ...) {
  if (sink == nullptr) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  sink->log(level, std::string_view(text, std::min(static_cast<size_t>(length), sizeof text - 1)));
}

}  // namespace kist
