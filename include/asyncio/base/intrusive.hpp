// Containers whose links live in their elements: linking never allocates and never fails.
#pragma once

#include <cstddef>

namespace asyncio::detail {

/// A doubly linked hook. An element derives from it; its destructor unlinks it.
class list_hook {
   public:
    list_hook() noexcept : prev_(nullptr), next_(nullptr) {}
    /// Linked before anything else happens to it.
    struct linked_at_once {};
    explicit list_hook(linked_at_once) noexcept {}
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    ~list_hook() { unlink(); }

    [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

    void unlink() noexcept {
        if (next_ == nullptr) return;
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = nullptr;
    }

   private:
    template <class>
    friend class intrusive_list;
    list_hook* prev_;
    list_hook* next_;
};

/// A FIFO list of elements that derive from list_hook. Elements left in it when it dies are
/// unlinked.
template <class T>
class intrusive_list {
   public:
    intrusive_list() noexcept { head_.prev_ = head_.next_ = &head_; }
    intrusive_list(const intrusive_list&) = delete;
    intrusive_list& operator=(const intrusive_list&) = delete;
    ~intrusive_list() {
        if (!empty()) [[unlikely]]
            unlink_all();
        head_.prev_ = head_.next_ = nullptr;
    }

    [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
    [[nodiscard]] T& front() const noexcept { return *cast(head_.next_); }
    [[nodiscard]] T& back() const noexcept { return *cast(head_.prev_); }

    void push_back(T& element) noexcept {
        list_hook& hook = element;
        list_hook& last = *head_.prev_;
        // In this order the compiler makes no vector of the two links, which is slow to read back.
        hook.prev_ = &last;
        last.next_ = &hook;
        head_.prev_ = &hook;
        hook.next_ = &head_;
    }
    T& pop_front() noexcept {
        T& element = front();
        list_hook& hook = element;
        head_.next_ = hook.next_;
        hook.next_->prev_ = &head_;
        hook.prev_ = hook.next_ = nullptr;
        return element;
    }
    /// Moves every element of `other` behind the own ones.
    void splice_back(intrusive_list& other) noexcept {
        if (other.empty()) return;
        other.head_.next_->prev_ = head_.prev_;
        other.head_.prev_->next_ = &head_;
        head_.prev_->next_ = other.head_.next_;
        head_.prev_ = other.head_.prev_;
        other.head_.prev_ = other.head_.next_ = &other.head_;
    }
    [[nodiscard]] std::size_t size() const noexcept {
        std::size_t n = 0;
        for (const list_hook* h = head_.next_; h != &head_; h = h->next_) ++n;
        return n;
    }

    class iterator {
       public:
        explicit iterator(list_hook* at) noexcept : at_(at) {}
        T& operator*() const noexcept { return *cast(at_); }
        iterator& operator++() noexcept {
            at_ = at_->next_;
            return *this;
        }
        bool operator==(const iterator&) const noexcept = default;

       private:
        list_hook* at_;
    };
    [[nodiscard]] iterator begin() const noexcept { return iterator(head_.next_); }
    [[nodiscard]] iterator end() const noexcept { return iterator(const_cast<list_hook*>(&head_)); }

   private:
    [[gnu::noinline]] void unlink_all() noexcept {
        for (list_hook* h = head_.next_; h != &head_;) {
            list_hook* const next = h->next_;
            h->prev_ = h->next_ = nullptr;
            h = next;
        }
    }
    static T* cast(list_hook* h) noexcept { return static_cast<T*>(h); }
    list_hook head_;
};

}  // namespace asyncio::detail
