"""What the text of a refusal is about: the account, the content, or the image.

A2E publishes neither the texts nor the codes of most refusals, so texts are read. A word alone
decides nothing ("insufficient" is also said of a resolution, "pro" of an athlete); a phrase does.
English and Chinese, which the vendor speaks too. `tests/unit/adapters/test_a2e_messages.py` is
the table of what each text is read as.
"""

import re
from enum import Enum, auto
from typing import Final

# How much of a text is examined, in characters.
LONGEST_READ: Final = 4096


class Topic(Enum):
    """What a refusal is about."""

    ACCESS = auto()
    """The token or the plan."""
    COINS = auto()
    THROTTLED = auto()
    """Too much at once: worth asking again later."""
    CONTENT = auto()
    """The content of image or prompt, refused by moderation."""
    IMAGE = auto()
    """The image itself: its size, its format, whether it can be fetched."""
    PARAMETERS = auto()


def topic_of(text: str) -> Topic | None:
    """What a refusal is about; None where its text explains nothing, or blames the service itself.

    Where a text speaks of the account and of the image, what it says first is what it is about.
    """
    text = _plain(text)
    account = [
        (found.start(), topic)
        for topic, phrase in _ACCOUNT.items()
        if (found := phrase.search(text))
    ]
    image = _IMAGE.search(text)
    if account:
        start, topic = min(account, key=lambda each: each[0])
        if image is None or start <= image.start():
            return topic
    if _INTERNAL.search(text):
        return None
    if _CONTENT.search(text):
        return Topic.CONTENT
    if image:
        return Topic.IMAGE
    return Topic.PARAMETERS if _PARAMETERS.search(text) else None


def blames_itself(text: str) -> bool:
    """True where the service speaks of trouble of its own, after which a start may be under way."""
    return _INTERNAL.search(_plain(text)) is not None


def refuses_content(text: str) -> bool:
    """True where a text blames the content of image or prompt, whatever else it says."""
    text = _plain(text)
    return _CONTENT.search(text) is not None and _INTERNAL.search(text) is None


def mentions_image(text: str) -> bool:
    """True where a text mentions the image at all."""
    return re.search(_NOUN, _plain(text), re.I) is not None


def _plain(text: str) -> str:
    """One line of words with one blank between them, also of `snake_case` and `camelCase` codes.

    The names of A2E's service and of a parameter lose their "image", which is no image of ours.
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:LONGEST_READ]).translate(_PUNCTUATION)
    text = re.sub(r"[\s_\-]+", " ", text)
    return re.sub(r"\b(user )?image ?(to|2) ?video\b|\bnumber of images\b", "it", text, flags=re.I)


def _any_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases), re.I)


# Typographic apostrophe; Chinese comma, full stop, semicolon, colon.
_PUNCTUATION: Final = {0x2019: "'", 0xFF0C: ",", 0x3002: ".", 0xFF1B: ";", 0xFF1A: ":"}

_NOUN: Final = r"\b(?:images?|photos?|pictures?|faces?)\b|图片|图像|照片|人脸"

_BE: Final = r"(?:(?:is|are|was|were|has|have|been|'re) )*"
_PLAN: Final = r"(?:plans?|subscriptions?|memberships?|tiers?)"
_PAID: Final = r"(?:pro|max|ultra|vip|premium|paid)"
_KEY: Final = r"(?:(?:bearer|access|api|auth\w*|jwt) )*(?:token|api ?key|credentials?)\b"
_ACCESS: Final = _any_of(
    # The plan.
    rf"\bupgrade\b.{{0,20}}\b(?:{_PLAN}|account|pro|max|ultra|vip)\b",
    r"\b(?:free|trial|unpaid) (?:users?|accounts?|plans?|tiers?|members?)\b",
    rf"\b{_PAID} (?:(?:or|and) \w+ )?(?:{_PLAN}|members?|subscribers?)\b",
    r"\b(?:pro|vip|premium|paid) (?:users?|accounts?)\b|\bpro (?:or|and) max\b",
    rf"\b{_PLAN} {_BE}(?:expired|ended|inactive|cancell?ed|required|over)\b",
    rf"\b(?:your|current) {_PLAN} (?:does not|doesn't|cannot|is not|isn't|only)\b",
    r"\b(?:not|only) (?:available|offered|included|supported|allowed|enabled)"
    rf" (?:for|to|in|on|with|by) (?:(?:your|the|this|current) )*(?:{_PLAN}|account)\b",
    rf"\baccount {_BE}(?:suspended|disabled|banned|frozen|blocked|restricted)\b",
    rf"\bapi access {_BE}(?:not|disabled|denied|restricted|revoked)\b",
    r"\bsubscribe (?:to|first|now)\b",
    r"(?:升级|开通|购买).{0,6}(?:会员|套餐|订阅|账[户号]|pro|max|vip)",
    r"免费(?:用户|账[户号]|套餐|版)|(?:会员|套餐|订阅)(?:已|不)(?:过期|到期|失效|支持|包含)",
    r"账[户号](?:已被?|被)(?:封禁|冻结|停用|禁用)",
    # The token.
    rf"\b(?:invalid|expired|missing|bad|wrong|incorrect|revoked|no) (?:or \w+ )?{_KEY}"
    r"(?! (?:in|at)\b)",
    rf"\b{_KEY} {_BE}(?:invalid|expired|missing|required|revoked|not valid)\b",
    r"\bunauthori[sz]ed\b(?=\W*$|[.:,;!]| (?:access|request|user|client)\b)",
    r"\bnot (?:logged|signed) in\b|\b(?:log|sign) ?in (?:first|again|to)\b",
    r"\bauthentication (?:failed|required)\b|\bauthorization header\b",
    r"未登[录陆]|请(?:先|重新)登[录陆]|登[录陆](?:已)?(?:过期|失效)",
    r"(?:token|令牌|密钥) ?(?:已)?(?:过期|无效|失效|错误)|无效的? ?(?:token|令牌|密钥)",
)

_OWN: Final = r"(?:(?:your|any|more|the|sufficient|remaining|available|account|user|free|of) )*"
_COIN: Final = rf"{_OWN}(?:coin |credit )?(?:coins?|credits?|diamonds?|funds|balance)\b"
# The balance of an account, not that of a picture's colours.
_BALANCE: Final = (
    r"(?:coins?|credits?|funds|(?<!white )(?<!color )(?<!colour )(?<!light )balance)\b"
)
_GONE: Final = r"(?:insufficient|inadequate|exhausted|depleted|empty|negative|used up|run out)"
_COINS: Final = _any_of(
    rf"\b(?:insufficient|inadequate|not enough|(?:do not|don't) have enough) {_COIN}",
    rf"\b(?:low|zero|0|lack\w*|short|out|used up|r[au]n(?:ning)? out) {_COIN}",
    # "No coins were charged" says nothing of what is there.
    r"\bno (?:more |remaining |available )?(?:coins?|credits?|funds|balance)\b"
    r"(?=\W*$|[.,;:!]| (?:left|remaining|available|to|for|on|in (?:your|the|this) account)\b)",
    rf"\b{_BALANCE}(?: \w+)? {_BE}(?:{_GONE}|not (?:enough|sufficient)|too low)\b",
    r"\b(?:please|to|must|and|then) (?:recharge|top ?up)\b",
    r"\b(?:recharge|top ?up) (?:your|now|first)\b",
    r"\b(?:buy|purchase|add|needs?|requires?) (?:(?:some|more|additional|at least|\d+) )+"
    r"(?:coins|credits)\b",
    r"\b(?:insufficient|not enough) (?:\w+ )?(?:quota|points)\b",
    r"\bused (?:up )?all (?:of )?your (?:coins|credits)\b",
    r"\bpayment required\b|\bexceeds? (?:your|the) (?:coin |credit |account )?balance\b",
    r"(?:金币|积分|余额|点数|算力|额度|钻石|代币)(?:已)?(?:不足|不够|用[完尽]|耗尽)|充值|欠费",
    r"足够的?(?:金币|积分|余额|点数|算力|额度)",
)

_PERIOD: Final = r"(?:daily|hourly|weekly|monthly|usage|request|task|generation)"
_THROTTLED: Final = _any_of(
    r"\btoo many (?:\w+ )?"
    r"(?:requests?|tasks?|jobs?|calls?|attempts|generations?|videos|submissions)\b",
    rf"\b(?:server|service|system|queue|model|gpu|worker|api|we)(?:'?s)? ?{_BE}"
    r"(?:(?:currently|too|very|all|now) )*busy\b|^\W*busy\b(?=\W*$|[.,;:!])",
    r"(?<!frame )(?<!sample )(?<!bit )\brate ?limit",
    r"\bqueue (?:is )?(?:already )?full\b|\bslow down\b",
    r"\b(?:tasks?|videos?|jobs?)\b.{0,30}\b(?:simultaneously|at (?:once|the same time))\b",
    r"\balready (?:have|has) \d+ (?:running |active |unfinished )?(?:tasks?|jobs?)\b",
    r"\bconcurren(?:t|cy)\b.{0,40}\b(?:limit|exceed|reach|max)",
    r"\b(?:limit|max\w*|exceed\w*)\b.{0,30}\bconcurren",
    rf"\b{_PERIOD} (?:limit|quota) {_BE}(?:reached|exceeded|hit)\b",
    rf"\b(?:reached|exceeded|hit) (?:your|the) {_PERIOD} (?:limit|quota)\b",
    rf"\bquota {_BE}(?:reached|exceeded|exhausted)\b",
    rf"\b(?:requests?|calls?) {_BE}too (?:frequent|fast|often)\b|\btry again in \d+ ?[smh]",
    r"(?:请求|操作|访问|提交|调用)(?:过于|太|过)(?:频繁|快|多)|频率(?:限制|过高|超限)|限流|并发",
    r"(?:服务器?|队列|模型|当前)[^,.;]{0,4}(?:繁忙|忙碌)",
    r"(?:排队|队列|任务)[^,.;]{0,4}(?:已满|过多|上限)",
)
_ACCOUNT: Final = {
    Topic.ACCESS: _ACCESS,
    Topic.COINS: _COINS,
    Topic.THROTTLED: _THROTTLED,
}

_CONTENT: Final = _any_of(
    r"\bnsfw\b|(?<!case )(?<!time )\bsensitive\b|\bmoderat(?:ion|ed|or)\b",
    r"\bcontent ?(?:polic|moderat|safety|violation|review|filter)",
    r"\bcopyright|\bportrait rights?\b|\blikeness\b|\bcelebrit|\bpublic figure|\bdeep ?fake",
    r"\bminors\b|\bunder ?age",
    r"\bminor\b(?! (?:version|error|issue|problem|bug|change|update|detail|defect))",
    r"\badult content\b|\bflagged\b|\bchild safety\b",
    r"\bporn|\bnudity\b|\bnude\b|\bsexual|\bexplicit (?:content|material|image)",
    r"\bviolen(?:t|ce)\b|\bgore\b",
    r"\b(?:inappropriate|prohibited|illegal|banned|forbidden|harmful|unsafe|disallowed|offensive)"
    r" (?:content|words?|images?|material|prompts?|keywords?)\b",
    r"\bviolat\w+ .{0,30}\b(?:polic|guideline|terms|rules?\b|law)|\bcommunity guidelines\b",
    r"\b(?:safety|usage|acceptable use) (?:polic|filter|system|guideline)",
    r"(?<!大小写)敏感|违规|违法|色情|低俗|涉黄|涉政|暴力|血腥|裸露|未成年|版权|肖像|名人|公众人物",
    r"审核(?:未|不)通过|未通过.{0,4}审核|内容(?:安全|政策)",
)

_GIVEN: Final = (
    r"(?:(?:input|source|uploaded|reference|first|last|start|end|quality|resolution|the|your|a) )*"
)
_FIGURE: Final = r"(?:images?(?: url)?|photos?|pictures?|faces?)\b"
_IMAGE: Final = _any_of(
    r"\b(?:insufficient|low|poor|bad|small|invalid|unsupported|corrupt\w*|damaged|malformed|missing"
    rf"|wrong|unreadable|blurry|empty|no|many|multiple) {_GIVEN}{_FIGURE}",
    rf"\b{_FIGURE} (?:file )?"
    r"(?:resolution|dimensions?|size|format|type|quality|aspect ratio|width|height)\b",
    rf"\b{_FIGURE}[^.;]{{0,40}}\b(?:too \w+|invalid|unsupported|corrupt\w*|damaged|blurry|must be"
    r"|required|missing|exceeds?"
    r"|not (?:valid|supported|found|detected|readable|accessible|clear|reachable|recogni[sz]ed)"
    r"|(?:cannot|can't|could not|couldn't|not|failed to) be"
    r" (?:read|opened|decoded|downloaded|fetched|loaded|accessed|identified))\b",
    r"\b(?:fail\w*|unable|cannot|can't|could not|couldn't|error) (?:to |in |while )?"
    rf"(?:download|fetch|load|read|decod|open|access|retriev|pars)\w* {_GIVEN}{_FIGURE}",
    r"\b(?:resolution|aspect ratio|dimensions|megapixels?)\b",
    r"(?:图片|图像|照片|人脸|脸部|头像)[^,.;]{0,12}(?:清晰|模糊|[过太][大小低高]|不支持|无效|错误"
    r"|损坏|失败|不存在|不足|不符合|不合法|无法|未检测|超[过出]|格式|尺寸|分辨率)",
    r"(?:未|没有|无法)(?:能)?(?:检测|识别|读取|下载|获取|打开|解析)[^,.;]{0,6}(?:图片|图像|照片|脸)",
    r"分辨率|(?:无效|不支持)的?(?:图片|图像)",
)

_FIELD: Final = r"(?:parameters?|params?|arguments?|values?|fields?)"
_PARAMETERS: Final = _any_of(
    rf"\b(?:invalid|illegal|bad|unknown) (?:\w+ )?(?:{_FIELD}|input|request)\b",
    rf"\bmissing (?:or invalid )?(?:required )?(?:{_FIELD}|(?:negative )?prompt|name)\b",
    rf"\b{_FIELD} (?:\w+ ){{0,2}}(?:invalid|wrong|missing|error|incorrect)\b|\bparameter error\b",
    r"\b(?:is|are) required\b|\b(?:must|should) (?:not )?be\b|\bcannot be (?:empty|blank|null)\b",
    r"\bvalidation (?:error|failed)\b|\bprompt (?:is )?too long\b",
    r"\binvalid (?:\w+ )?(?:prompt|name|lora|model|video time)\b",
    r"参数|不[能可]为空|必填|提示词.{0,6}(?:过长|太长|超)",
)

# The service speaks of itself: whatever else such a text mentions, it decides nothing.
_INTERNAL: Final = _any_of(
    r"\binternal (?:server )?(?:error|exception|failure|trouble)|\bserver error\b|\bexception\b",
    r"\bdatabase\b|\b(?:service|temporarily) unavailable\b|\btime[d-]? ?out\b|\bupstream\b",
    r"\bof (?:undefined|null)\b|\bis not (?:defined|a function)\b",
    r"\bfetch failed\b|内部错误|系统(?:错误|异常)|服务(?:异常|不可用)|超时|未知错误",
    # What many services answer to any exception of theirs.
    r"系统[^,.;]{0,4}(?:繁忙|忙碌)",
)
