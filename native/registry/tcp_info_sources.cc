#include "registry/tcp_info_sources.h"

#include "tcpinfo/kernel_tcp_info.h"
#include "tcpinfo/mock_tcp_info.h"

namespace kist {
namespace {

std::unique_ptr<TcpInfoSource> makeKernel(const Clock& /*clock*/) {
  return std::make_unique<KernelTcpInfo>();
}
std::unique_ptr<TcpInfoSource> makeMock(const Clock& clock) { return std::make_unique<MockTcpInfo>(clock); }

constexpr TcpInfoSourceEntry kTcpInfoSources[] = {
    {"kernel", makeKernel},
    {"mock", makeMock},
};

}  // namespace

std::span<const TcpInfoSourceEntry> tcpInfoSources() { return kTcpInfoSources; }

const TcpInfoSourceEntry* findTcpInfoSource(std::string_view name) {
  for (const TcpInfoSourceEntry& entry : kTcpInfoSources) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace kist
