"""The words of interactions: event types, channels and message events of ours, and what trackers call them."""

from __future__ import annotations

from collections.abc import Mapping

# Their place is a number of four bits in packed events, so they are fifteen at most, and new ones come last.
EVENT_TYPES = (
    "page_view", "product_view", "search", "filter_use", "add_to_cart", "video_play", "click", "order", "contact",
    "other", "ignored",
)  # fmt: skip
# What trackers send without anybody doing anything.
IGNORED = "ignored"
COUNTED_TYPES = tuple(kind for kind in EVENT_TYPES if kind != IGNORED)
EVENT_CHANNELS = ("web", "app", "email", "social", "chat", "store", "other")
# Channels people visit for a while; elsewhere a contact is over when it is made.
SESSION_CHANNELS = ("web", "app")

MESSAGE_CHANNELS = ("email", "sms", "push", "ad", "coupon")
MESSAGE_EVENTS = (
    "sent", "delivered", "impression", "opened", "clicked", "replied", "redeemed", "bounced", "unsubscribed",
    "complained",
)  # fmt: skip
RESPONSES = ("clicked", "replied", "redeemed")
# At once, and without a message that they belong to.
SUPPRESSING = ("unsubscribed", "complained", "bounced")
ALL_CHANNELS = "all"

# ours: theirs, in lower case; our own names need no entry.
PRESETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "google_analytics": {
        "page_view": ("screen_view",),
        "product_view": ("view_item",),
        "search": ("view_search_results",),
        "add_to_cart": (),
        "video_play": ("video_start",),
        "click": ("select_item", "select_content", "select_promotion", "file_download"),
        "order": ("purchase",),
        "other": (
            "view_item_list", "view_cart", "remove_from_cart", "begin_checkout", "add_payment_info",
            "add_shipping_info", "add_to_wishlist", "generate_lead", "sign_up", "login", "share", "view_promotion",
            "form_submit", "refund", "video_progress", "video_complete",
        ),
        "ignored": ("session_start", "first_visit", "first_open", "user_engagement", "scroll", "form_start"),
    },
    "mixpanel": {
        "page_view": ("$mp_web_page_view", "page view", "page viewed", "viewed page"),
        "product_view": ("product viewed", "viewed product", "view item"),
        "search": ("searched", "search performed", "products searched"),
        "filter_use": ("filter applied", "filtered"),
        "add_to_cart": ("added to cart", "add to cart", "product added"),
        "video_play": ("video played", "played video", "video started"),
        "click": ("$mp_click", "clicked", "button clicked"),
        "order": ("purchase", "purchase completed", "order completed", "checkout completed"),
        "other": ("$signup", "sign up", "signed up", "log in", "$mp_submit", "$mp_input_change"),
        "ignored": ("$mp_session_start", "$session_start", "$mp_session_end", "$session_end", "$mp_scroll",
                    "$mp_page_leave", "$mp_dead_click", "$mp_rage_click", "$identify", "$create_alias", "$merge"),
    },
    "segment": {
        "page_view": ("page", "screen", "page viewed", "product list viewed"),
        "product_view": ("product viewed",),
        "search": ("products searched",),
        "filter_use": ("product list filtered",),
        "add_to_cart": ("product added",),
        "video_play": ("video playback started",),
        "click": ("product clicked", "promotion clicked"),
        "order": ("order completed",),
        "other": (
            "product removed", "cart viewed", "checkout started", "checkout step viewed", "checkout step completed",
            "payment info entered", "product added to wishlist", "product shared", "coupon applied", "signed up",
            "promotion viewed", "video content started", "video playback paused", "video playback completed",
        ),
        "ignored": ("identify", "group", "alias", "application opened", "application backgrounded",
                    "application installed", "application updated"),
    },
    "snowplow": {
        "page_view": ("screen_view", "pv"),
        "product_view": ("product_view", "view_item"),
        "search": ("site_search",),
        "filter_use": ("filter",),
        "add_to_cart": ("add_to_cart", "add"),
        "video_play": ("play_event", "media_play"),
        "click": ("link_click", "button_click"),
        "order": ("transaction", "tr"),
        "other": ("submit_form", "remove_from_cart", "checkout_step", "transaction_item", "ti", "list_view",
                  "promotion_view", "promotion_click", "struct", "se"),
        "ignored": ("page_ping", "pp", "focus_form", "change_form", "application_foreground",
                    "application_background", "media_ping_event", "ping_event"),
    },
    "inhouse": {
        "page_view": ("page", "pageview", "catalog", "home", "main"),
        "product_view": ("view", "viewproduct", "product", "product1", "product2", "item"),
        "search": ("query", "find"),
        "filter_use": ("filter", "sort"),
        "add_to_cart": ("addtocart", "cart", "basket"),
        "video_play": ("play", "video"),
        "click": ("tap",),
        "order": ("purchase", "buy", "checkout", "payment_done"),
        "other": ("wishlist", "share", "signup", "login", "logout", "delivery_choice", "delivery_courier",
                  "delivery_pickup", "payment_choice", "payment_card", "payment_cash"),
        "ignored": ("heartbeat", "ping", "scroll", "session_start", "session_end"),
    },
}  # fmt: skip


def event_words(preset: str | None, own: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Which of our event types a tracker's name means, in lower case; a name of one's own wins over a preset.

    Args:
        preset: a key of PRESETS, or None.
        own: ours: theirs, as configured.
    """
    words = {kind: kind for kind in EVENT_TYPES}
    for mapping in ((PRESETS[preset] if preset else {}), own):
        words |= {name.strip().lower(): kind for kind, names in mapping.items() for name in names}
    return words
