#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// Chunks of bytes for the buffers of one reactor; keeps some freed ones for reuse. Must outlive its buffers.
class ChunkPool {
 public:
  static constexpr uint32_t kChunkBytes = 16 * 1024;

  struct Chunk {
    Chunk* next = nullptr;
    uint32_t begin = 0;
    uint32_t end = 0;
    uint8_t bytes[kChunkBytes];

    uint32_t size() const { return end - begin; }
    uint32_t room() const { return kChunkBytes - end; }
  };

  explicit ChunkPool(size_t maxFree = 256) : maxFree_(maxFree) {}
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  Chunk* get();
  void put(Chunk* chunk);
  size_t chunksInUse() const { return inUse_; }
  size_t freeChunks() const { return freeCount_; }
  /// What the buffers hold in memory, free chunks not counted.
  uint64_t bytesInUse() const { return uint64_t{inUse_} * kChunkBytes; }

 private:
  size_t maxFree_;
  size_t inUse_ = 0;
  size_t freeCount_ = 0;
  Chunk* free_ = nullptr;
};

/// First-in-first-out bytes in pooled chunks: an inbuf or outbuf. Holds no chunk while empty. Loop-bound.
class ChunkBuffer {
 public:
  static constexpr size_t kMaxReserve = 1024;

  explicit ChunkBuffer(ChunkPool& pool) : pool_(pool) {}
  ~ChunkBuffer() { clear(); }
  ChunkBuffer(const ChunkBuffer&) = delete;
  ChunkBuffer& operator=(const ChunkBuffer&) = delete;

  /// `count` contiguous bytes (kMaxReserve at most) to be written in place; valid until the next call but
  /// commit().
  uint8_t* reserve(size_t count);
  /// All the contiguous room after the last byte, at least `atLeast` (kMaxReserve at most): for one large
  /// read.
  MutableByteSpan reserveSome(size_t atLeast);
  /// The first `count` of the reserved bytes now belong to the buffer; 0 gives the reservation up.
  void commit(size_t count);
  void append(ByteSpan bytes);

  /// Describes the oldest bytes in `parts`, `max` of them at most; returns how many parts were filled.
  int peek(iovec* parts, int max) const;
  /// Copies the oldest `into.size()` bytes without taking them; false when there are fewer.
  bool copyOut(MutableByteSpan into) const;
  /// The oldest contiguous bytes; empty when there are none.
  ByteSpan front() const;
  /// Takes the `count` oldest bytes away; at most size().
  void consume(size_t count);
  void clear();

  size_t size() const { return size_; }
  bool isEmpty() const { return size_ == 0; }

 private:
  void addChunk();
  void dropFront();

  ChunkPool& pool_;
  ChunkPool::Chunk* head_ = nullptr;
  ChunkPool::Chunk* tail_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kist
