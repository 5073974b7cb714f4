#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "tcpinfo/tcp_info_source.h"

namespace kist {

/// A TCP_INFO source by name. To add one: its files in native/tcpinfo/ and one line in the .cc.
struct TcpInfoSourceEntry {
  const char* name;
  std::unique_ptr<TcpInfoSource> (*make)(const Clock& clock);
};

std::span<const TcpInfoSourceEntry> tcpInfoSources();
/// Null when there is none of that name.
const TcpInfoSourceEntry* findTcpInfoSource(std::string_view name);

}  // namespace kist
