#pragma once

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "dataplane/data_plane.h"

namespace kist {

/// Data planes whose threads run, in all environments of the process: the one permitted static.
/// process.exit() runs no cleanup hook in the main thread, and OpenSSL's and the C library's exit handlers
/// would then pull state from under the reactors; this backstop joins them first (it is registered last, so
/// it runs first).
class LivePlanes {
 public:
  static void add(DataPlane* plane) {
    static std::once_flag once;
    std::call_once(once, [] { std::atexit(closeAll); });
    const std::lock_guard lock(mutex());
    planes().push_back(plane);
  }
  static void remove(DataPlane* plane) {
    const std::lock_guard lock(mutex());
    std::erase(planes(), plane);
  }

 private:
  static std::mutex& mutex() {
    static auto* instance = new std::mutex;
    return *instance;
  }
  static std::vector<DataPlane*>& planes() {
    static auto* instance = new std::vector<DataPlane*>;
    return *instance;
  }
  static void closeAll() {
    const std::lock_guard lock(mutex());
    for (DataPlane* plane : planes()) plane->close();
    planes().clear();
  }
};

}  // namespace kist
