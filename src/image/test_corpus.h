#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>
#include <string>
#include <vector>

/// Broken pictures for tests: files of test/data/corpus, what a deterministic mutator makes of them, and bombs.
namespace i2m::corpus {

using FileBytes = std::vector<std::uint8_t>;
using Random = std::minstd_rand;  // the same numbers on every machine

struct File {
  std::string name;
  FileBytes bytes;
};

/// The pictures in these folders and theirs, in the order of their paths.
std::vector<File> read_folders(const std::vector<std::filesystem::path>& folders);

/// Changes a picture as attackers and bad disks do: cut at a boundary of its chunks or segments, bits flipped in
/// headers or data, chunks swapped, doubled, dropped or taken from `other`, lengths and sizes that lie. Checksums are
/// put right where the change alone would be caught by them.
FileBytes mutated(const FileBytes& file, const FileBytes& other, Random& random);

/// Small files that ask for much: pixels, memory, scans, text to inflate.
std::vector<File> bombs();

/// Every file of `folders` as it is, each cut at up to `cuts` boundaries and mutated `mutations` times, then the bombs.
void for_each_case(const std::vector<std::filesystem::path>& folders, int cuts, int mutations,
                   const std::function<void(const std::string& name, const FileBytes& bytes)>& look);

}  // namespace i2m::corpus
