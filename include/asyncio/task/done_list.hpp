// Who is told that a future is done, in the order in which they came.
//
//      first  -> a              often the only one: a gather of a thousand tasks is each one's
//      first others -> d -> c -> b    by hooks, the youngest before the older ones
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace asyncio::detail {

class future_state_base;

/// Somebody who is told, once, that a future is done. It may only mark and queue. Its destructor
/// leaves the list.
class done_node {
   public:
    done_node(const done_node&) = delete;
    done_node& operator=(const done_node&) = delete;

    virtual void future_done(future_state_base& f) noexcept = 0;
    /// The future dies with the node still in its list.
    virtual void future_dropped() noexcept {}
    /// What remove_done_callback looks for; 0: not a user's callback.
    [[nodiscard]] virtual std::uint64_t callback_id() const noexcept { return 0; }

    [[nodiscard]] bool linked() const noexcept { return link_ != nullptr; }
    void unlink() noexcept {
        if (link_ == nullptr) return;
        *link_ = next_;
        if (next_ != nullptr) next_->link_ = link_;
        link_ = nullptr;
    }

   protected:
    done_node() noexcept {}
    ~done_node() { unlink(); }

   private:
    friend class done_list;
    done_node* next_;             // set when it is linked
    done_node** link_ = nullptr;  ///< what refers to it in its list
};

class done_list {
   public:
    done_list() noexcept = default;
    done_list(const done_list&) = delete;
    done_list& operator=(const done_list&) = delete;

    [[nodiscard]] bool empty() const noexcept { return first_ == nullptr && others_ == nullptr; }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = first_ != nullptr ? 1 : 0;
        for (const done_node* o = others_; o != nullptr; o = o->next_) ++n;
        return n;
    }
    void add(done_node& n) noexcept {
        done_node* const older = others_;
        n.link_ = &others_;
        if (older != nullptr) older->link_ = &n.next_;
        others_ = &n;
        // In this order the compiler makes no vector of the two links, which is slow to read back.
        n.next_ = older;
    }
    /// For one who may be the first of many lists, and has to leave each by remove_first(). False:
    /// he is not the first.
    [[nodiscard]] bool add_first(done_node& n) noexcept {
        if (!empty()) return false;
        first_ = &n;
        return true;
    }
    void remove_first(const done_node& n) noexcept {
        if (first_ == &n) first_ = nullptr;
    }
    /// The one with this callback_id(), or null.
    [[nodiscard]] done_node* find(std::uint64_t id) const noexcept {
        done_node* n = others_;
        while (n != nullptr && n->callback_id() != id) n = n->next_;
        return n;
    }
    /// Is a user's callback among them? It will have a handle, and look at the value.
    [[nodiscard]] bool has_callback() const noexcept {
        const done_node* n = others_;
        while (n != nullptr && n->callback_id() == 0) n = n->next_;
        return n != nullptr;
    }
    /// Takes out all, and calls tell(node) with each. It may destroy any of them.
    template <class Tell>
    void take_all(Tell tell) noexcept {
        if (first_ != nullptr) tell(*std::exchange(first_, nullptr));
        if (others_ != nullptr && others_->next_ != nullptr) turn_round();
        while (others_ != nullptr) {
            done_node& n = *others_;
            n.unlink();
            tell(n);
        }
    }

   private:
    /// The oldest before the younger ones.
    void turn_round() noexcept {
        done_node* n = std::exchange(others_, nullptr);
        while (n != nullptr) {
            done_node* const older = n->next_;
            add(*n);
            n = older;
        }
    }
    done_node* first_ = nullptr;
    done_node* others_ = nullptr;
};

}  // namespace asyncio::detail
