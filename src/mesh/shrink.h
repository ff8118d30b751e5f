#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "mesh/mesh.h"

namespace i2m::mesh {

/// Local changes to a closed 2-manifold that keep it one.
class Shrinker {
 public:
  /// `mesh` must be a closed 2-manifold; no two of its vertices at one place.
  explicit Shrinker(Mesh mesh);
  /// Each corner also stands for something of its own, such as one side of a texture's seam: `wedges`, as many as
  /// indices. A vertex then only goes where every one of its wedges has one to go to. Only for shrinking.
  Shrinker(Mesh mesh, std::vector<std::uint32_t> wedges);

  /// Takes degenerate and folded triangles out, by turning or collapsing an edge or moving a vertex. What can't be
  /// mended stays.
  void mend();
  /// Collapses edges, those first that change least, until at most so many triangles are left or none may go. What had
  /// no fold and no degenerate triangle gets none.
  void shrink(std::size_t triangles_max);

  Mesh mesh() const;
  /// The wedges of mesh()'s corners.
  std::vector<std::uint32_t> wedges() const;

 private:
  struct Turn {
    std::uint32_t a = 0, b = 0, c = 0, d = 0, first = 0, second = 0;
  };
  struct Candidate {
    float cost = 0;
    std::uint32_t from = 0, to = 0;
  };

  std::uint32_t at(std::uint32_t t, std::size_t k) const { return mesh_.indices[std::size_t{t} * 3 + k]; }
  std::uint32_t& at(std::uint32_t t, std::size_t k) { return mesh_.indices[std::size_t{t} * 3 + k]; }
  bool alive(std::uint32_t t) const { return at(t, 0) != at(t, 1); }
  bool names(std::uint32_t t, std::uint32_t v) const;
  std::vector<std::uint32_t> ring(std::uint32_t v) const;
  bool is_bad(std::uint32_t t) const;
  std::uint32_t across(std::uint32_t t, std::uint32_t a, std::uint32_t b) const;
  bool may_collapse(std::uint32_t from, std::uint32_t to, bool strict) const;
  bool folds(std::uint32_t from, std::uint32_t to) const;
  std::optional<std::uint32_t> wedge_for(std::uint32_t wedge, std::uint32_t from, std::uint32_t to) const;
  bool keeps_wedges(std::uint32_t from, std::uint32_t to) const;
  float cost_of(std::uint32_t from, std::uint32_t to) const;
  void collapse(std::uint32_t from, std::uint32_t to);
  bool mend(std::uint32_t t);
  bool relax();
  bool turn(std::uint32_t t, std::uint32_t a, std::uint32_t b, std::uint32_t c);

  Mesh mesh_;                          // dead triangles name their first corner three times
  std::vector<std::uint32_t> wedges_;  // by corner, or empty
  std::vector<std::vector<std::uint32_t>> around_;
  std::size_t triangles_ = 0;
};

}  // namespace i2m::mesh
