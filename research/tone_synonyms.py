"""Words that say what a Chinese label's name says: a label of a handful of rows is known by them before it is known by its rows.

Each group is a set of words of one kind of event. A label belongs to the groups one of whose heads stands in its name: 失联跑路 to the
group of 失联, so that 人去楼空 speaks for it. Written for this project.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["found", "synonyms", "words"]

#: heads, as they stand in the names of labels -> other words of the same kind of event
_GROUPS = {
    "失联 跑路 失踪": "人去楼空 卷款 潜逃 出逃 外逃 逃匿 下落不明 联系不上 无法联系",
    "提现 兑付 挤兑": "取现 取款 逾期 退款 押金 回款 无法偿付 无法取出",
    "停业 歇业 倒闭 破产 清算": "关门 停产 停工 停运 关停 清盘 注销 解散 关店",
    "投诉 维权 举报": "差评 索赔 消费者 受害者 受害人 报案 报警 讨债 讨薪 讨说法 起诉 请愿 抗议",
    "产品 质量": "召回 不合格 超标 假药 疫苗 隐患 缺陷 假货 有毒 污染 抽检 黑榜 虚假宣传",
    "高管 管理层": "董事长 总经理 总裁 实际控制人 实控人 法定代表人 法人 负责人 创始人 董事 监事 "
    "逮捕 拘留 刑拘 批捕 被查 带走 自首 投案 羁押 落网",
    "资产 财产": "查封 冻结 扣押 拍卖 抵押 质押 债务 坏账 逾期 资金链 断裂 无法兑付",
    "欺诈 诈骗": "骗局 骗子 骗取 被骗 骗钱 虚假 虚假宣传 假标 自融 夸大 忽悠 庞氏",
    "传销": "拉人头 入会费 层级 直销 下线 多层次 返利 会员",
    "集资": "吸收公众存款 非吸 吸存 众筹 资金池 高息 高额回报",
    "违法 犯罪": "刑事 判处 走私 行贿 受贿 贿赂 偷税 逃税 侵权 罚款",
    "账户": "盗刷 盗取 被盗 泄露 泄密 挪用 占用 划转 侵占 黑客",
    "股市 股价": "停牌 退市 摘牌 异常波动 暴跌 跌停 闪崩",
    "信批 信披 披露": "未披露 虚假记载 遗漏 谴责 监管函 警示函 关注函 问询函 虚假陈述",
    "造假": "虚增 虚构 伪造 粉饰 假账",
    "股东变更 控制人 控股": "易主 股权转让 入主 控股股东 实际控制人 举牌",
    "交易违规 内幕": "减持 短线交易 内幕交易 操纵 违规买卖 老鼠仓 敏感期",
    "履职 辞职 离职": "辞去 请辞 离任 卸任 免职 罢免 去世 逝世 病逝 身亡 辞任",
    "重组 并购": "终止 中止 告吹 流产 叫停 撤回 否决",
    "评级": "上调 下调 调降 展望 信用等级",
    "业绩 亏损": "净利 利润 下降 预亏 预减 首亏 营收",
    "违约": "未能偿还 未兑付 未按期 欠款 欠息 债务",
    "减持": "抛售 套现 清仓 卖出",
    "事故 安全": "爆炸 火灾 坍塌 泄漏 伤亡 遇难 中毒 坠落",
    "诉讼 仲裁 纠纷": "起诉 被告 原告 法院 判决 索赔 上诉",
    "处罚 监管": "罚款 罚单 警告 立案 谴责 责令 通报 约谈",
    "裁员": "下岗 遣散 欠薪 降薪 解雇",
    "质押": "平仓 爆仓 补充质押 解除质押",
}


@lru_cache(maxsize=1)
def words() -> tuple[str, ...]:
    """Return all words of all groups, sorted."""
    return tuple(sorted({word for heads, others in _GROUPS.items() for word in f"{heads} {others}".split()}))


def synonyms(label: str) -> tuple[str, ...]:
    """Return the words of the groups a label's name belongs to, sorted."""
    return tuple(
        sorted(
            {
                word
                for heads, others in _GROUPS.items()
                if any(head in label for head in heads.split())
                for word in f"{heads} {others}".split()
            }
        )
    )


@lru_cache(maxsize=1)
def _matcher() -> Any:
    from ahocorasick_rs import AhoCorasick

    return AhoCorasick(list(words()))


def found(text: str) -> list[str]:
    """Return the words of the groups that stand in a simplified Chinese text, each once, sorted; words inside words too."""
    places = {place for place, _, _ in _matcher().find_matches_as_indexes(text, overlapping=True)}
    return [words()[place] for place in sorted(places)]
