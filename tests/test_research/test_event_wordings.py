"""Words of events in their contexts: where they tell one, and where nothing of the kind happens. All sentences are written for this test."""

import pytest
from test_events import extracted, pairs

OURS, THEIRS = "609001.SS", "609002.SS"


def kinds(text):
    return {kind for kind, _ in pairs(extracted(text))}


def groups(text):
    return {kind.split(".")[0] for kind in kinds(text)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # states meet and talk; who governs is decided elsewhere
        ("智利外长将于周三赴秘鲁利马,出席亚太经合组织领导人峰会", "geopolitics.diplomacy"),
        ("亚美尼亚与阿塞拜疆签下和平协议", "geopolitics.diplomacy"),
        ("丹麦提前举行大选,执政党席位不足半数", "geopolitics.election"),
        ("叙利亚北部遭空袭,冲突升级", "geopolitics.conflict"),
        # budgets and shutdowns are no stimulus
        ("参议院表决失败,政府停摆进入第三天", "fiscal_trade_policy.budget"),
        ("加拿大财长提交新财年预算案", "fiscal_trade_policy.budget"),
        ("财政部追加发行特别国债,以旧换新扩围", "fiscal_trade_policy.stimulus"),
        ("多地推出购房补贴,首付比例下调", "fiscal_trade_policy.stimulus"),
        # a figure, and a forecast of one
        ("加拿大8月CPI同比上涨1.9%", "macro_data.release"),
        ("前三季度GDP同比增长5.1%", "macro_data.release"),
        ("挪威央行:预计2027年GDP增速为1.4%", "macro_data.outlook"),
        # who leads a central bank, and what it says
        ("白宫:总统已选定下一任美联储主席", "central_bank.appointment"),
        ("传财长将出任美联储主席,提名本周公布", "central_bank.appointment"),
        ("美联储理事哈特:劳动力市场仍然稳健", "central_bank.statement"),
        ("捷克央行:通胀已回到目标区间", "central_bank.statement"),
        ("英国央行首席经济学家韦斯特:不急于行动", "central_bank.statement"),
        ("美联储主席鲍威尔称,政策处于良好位置", "central_bank.statement"),
        # who sells and who buys
        ("凌云科技以8.6亿元出售旗下物流子公司股权", "mna.divest"),
        ("凌云科技拟收购一家传感器公司", "mna.acquire"),
        # debt that may run on
        ("凌云科技两只中期票据展期获持有人会议通过", "default_credit.repay"),
        ("凌云科技一笔债券逾期", "default_credit.default"),
        ("凌云科技旗下信托产品再度展期", "default_credit.default"),
        # held by an authority
        ("凌云科技总裁被刑事拘留", "regulation_investigation.probe"),
        ("凌云科技实控人遭监委留置", "regulation_investigation.probe"),
        ("凌云科技总裁因病去世", "insider_management_change.depart"),
        # rules are published like products
        ("《网络数据分级条例》发布", "regulation_investigation.rule"),
        ("凌云科技发布新款手机", "product_launch.launch"),
        ("凌云科技工厂停产检修", "accident_operations.halt"),
        ("凌云科技与远山电子联手开发固态电池", "contract_partnership.cooperate"),
        ("多路游资抢筹凌云科技", "fund_flow_positioning.inflow"),
        ("凌云科技递交IPO申请", "share_offering_ipo.plan"),
        ("凌云科技宣布裁员逾两千人", "layoffs_restructuring.layoff"),
        ("凌云科技上调全年资本支出至90亿元", "capex_investment.plan"),
        ("白宫宣布对铜加征关税", "fiscal_trade_policy.tariff"),
        ("凌云科技遭投资者集体诉讼", "litigation_settlement.sue"),
        # statistics with what was forecast and what was before, or told in words
        ("瑞士6月生产者与进口价格年率 -0.7%,预期 -0.5%,前值 -0.9%", "macro_data.release"),
        ("韩国7月未季调工业产出月率 0.6%,前值 -1.1%", "macro_data.release"),
        ("疲软的零售销售拖累英镑,股市收涨", "macro_data.release"),
        ("非农逊于预期,美债走高", "macro_data.release"),
        # a central bank decides
        ("挪威央行将存款利率维持在4.25%不变,少数人曾料降息", "central_bank.hold"),
        ("蒙古央行将政策利率下调至9%,符合预期", "central_bank.cut"),
        ("蒙古央行行长:利率下调将很慢,明年再降50个基点似乎合适", "central_bank.outlook"),
        ("央行下周开展600亿元买断式逆回购", "central_bank.statement"),
        # what a company announces
        ("凌云科技(609001.SS):周晓岚获委任为执行董事", "insider_management_change.appoint"),
        ("凌云科技(609001.SS):某会计师行辞任核数师", "insider_management_change.depart"),
        ("凌云科技(609001.SS):子公司一款注射液收到药品注册证书", "regulation_investigation.approve"),
        ("凌云科技(609001.SS):补缴税款及滞纳金860万元", "regulation_investigation.penalty"),
        ("凌云科技(609001.SS):预计2026年度净亏损3亿元至4亿元", "guidance.outlook"),
        ("凌云科技(609001.SS):预计2027年锂产量为9万吨", "guidance.outlook"),
        ("凌云科技(609001.SS):拟向子公司增资6000万元", "capex_investment.plan"),
        ("凌云科技(609001.SS):拟挂牌转让一家物业公司51%股权", "mna.divest"),
        ("凌云科技(609001.SS):拟每10股转增4股", "dividend.plan"),
        ("凌云科技(609001.SS):与当地国资订立采购协议", "contract_partnership.win"),
        ("凌云科技(609001.SS)通过集中竞价交易方式回购股份120万股", "buyback.done"),
        ("凌云科技第三季度净收入总额为18.4亿元", "earnings.report"),
        ("凌云科技年收入下滑,多年来头一遭", "earnings.decline"),
        ("凌云科技经营利润恢复增长", "earnings.growth"),
        ("凌云科技入股一家卫星公司", "mna.acquire"),
        ("凌云科技登陆科创板,首日高开", "share_offering_ipo.plan"),
        ("凌云科技输入法开启内测", "product_launch.launch"),
        ("高盛继续看好凌云科技:订单充沛", "analyst_rating.positive"),
        ("欧盟宣布调查凌云科技", "regulation_investigation.probe"),
        # states and the earth
        ("埃及总统与土耳其总统通电话", "geopolitics.diplomacy"),
        ("加蓬外长同刚果外长举行会谈", "geopolitics.diplomacy"),
        ("红海一艘货轮遇袭", "geopolitics.conflict"),
        ("智利中部发生6.1级地震", "accident_operations.accident"),
        ("泛欧交易所推迟开盘", "accident_operations.halt"),
        ("快递业增值税率由6%上调至8%", "fiscal_trade_policy.budget"),
        ("截至5月6日当周,玉米投机者净多头持仓减少8120手", "fund_flow_positioning.outflow"),
        ("截至5月6日当周,可可投机者净空头持仓减少311手", "fund_flow_positioning.inflow"),
        ("DRAM缺货潮蔓延", "commodity_supply_demand.shortage"),
        ("欧佩克上月产量下滑", "commodity_supply_demand.shortage"),
        ("国务院:到2030年建成一批零碳园区", "fiscal_trade_policy.industry"),
        ("凌云科技三季度净利润同比增长31%,上调全年指引", "earnings.growth"),
        ("凌云科技三季度净利润同比增长31%,上调全年指引", "guidance.raise"),
        ("凌云科技(609001.SS):某某资本将成为公司控股股东", "mna.control"),
        ("凌云科技新药纳入国家医保目录", "regulation_investigation.approve"),
        ("凌云科技无人车正式交付", "product_launch.launch"),
        # what exchanges, watchdogs and registries say of a company
        ("欧洲监管机构将调查凌云科技是否违反竞争法规", "regulation_investigation.probe"),
        ("深交所问询凌云科技3.2亿元资产出售方案", "regulation_investigation.probe"),
        ("深交所问询凌云科技3.2亿元资产出售方案", "mna.divest"),
        ("凌云科技(609001.SS):颗粒剂获得新西兰产品许可证", "regulation_investigation.approve"),
        ("凌云科技(609001.SS):5月6日起取消上市地位", "other.listing_status"),
        ("凌云科技:核查完成,股票复牌", "other.listing_status"),
        ("凌云科技获纳入恒生科技指数", "other.listing_status"),
        # partners, buyers, sellers, subscribers
        ("凌云科技与Zephyr合作开发固态电池", "contract_partnership.cooperate"),
        ("凌云科技与远山电子合作,将共同设计电池", "contract_partnership.cooperate"),
        ("凌云科技(609001.SS):子公司拟受让一家电池厂部分股权", "mna.acquire"),
        ("凌云科技(609001.SS)出售澳门写字楼 套现3200万港元", "mna.divest"),
        ("凌云科技(609001.SS)香港公开发售获318.4倍认购 3月9日上市", "share_offering_ipo.plan"),
        ("凌云科技即将打新!发行价为88元/股", "share_offering_ipo.plan"),
        ("凌云科技将关闭位于俄亥俄州的大型轮胎工厂", "layoffs_restructuring.restructure"),
        # what a company expects, and results told together with it
        ("凌云科技(609001.SS)预期2027年上半年股东应占溢利不少于460万港元", "guidance.outlook"),
        ("凌云科技(609001.SS):预计2027财政年度股东应占溢利不低于8200万港元", "guidance.outlook"),
        ("凌云科技预计27年亏损7-9亿", "guidance.outlook"),
        ("凌云科技四季度业绩、一季度指引均超预期", "earnings.beat"),
        ("凌云科技2026年度收入创新高", "earnings.growth"),
        # prices of goods, deliveries, suppliers
        ("凌云科技宣布旗下轮胎提价5%", "product_launch.price"),
        ("凌云科技下月起对部分白酒提价", "product_launch.price"),
        ("凌云科技(609001.SS):公司代理的疫苗已于3月初正式发货", "product_launch.launch"),
        ("凌云科技(609001.SS):子公司成为国内两家储能集成商电芯的供应商", "contract_partnership.win"),
        ("凌云科技(609001.SS):拟与专业投资机构共同投资设立基金", "contract_partnership.cooperate"),
        # what a house expects of an index
        ("高盛策略师预计沪深300指数到2028年底将上涨约9%", "analyst_rating.view"),
        # statistics of a month
        ("统计局:7月份制造业采购经理指数小幅回落", "macro_data.release"),
        ("菲律宾国际储备截至9月底为1080亿美元", "macro_data.release"),
        ("爱尔兰9月生产者价格同比下降2.1%", "macro_data.release"),
        ("密歇根大学通胀预期升幅超过预期", "macro_data.release"),
        ("德国3月消费者现况指数 98.2,前值 97.1", "macro_data.release"),
        # money in shares of funds
        ("周度盘点:一线游资扎堆凌云科技", "fund_flow_positioning.inflow"),
        ("证券ETF上周份额大减", "fund_flow_positioning.outflow"),
        ("证券ETF上周份额大增", "fund_flow_positioning.inflow"),
        ("对冲基金空头平仓推高凌云科技", "fund_flow_positioning.inflow"),
        # results: each verb belongs to the figure it stands behind, profit tells more than revenue
        ("凌云科技一季度净盈利2.16亿元,同比减少11.8%", "earnings.decline"),
        ("凌云科技前三季度营收31.2亿元,同比下滑4.5%;净利润4.12亿元,同比增长38.7%", "earnings.growth"),
        ("凌云科技2024年营业收入902亿元,同比增长2.8%,净利润71.5亿元,同比下降16.3%", "earnings.decline"),
        ("凌云科技中报:净利润2.41亿元,同比增长12%。公司预计全年订单平稳", "earnings.growth"),
        ("凌云科技上半年实现净利润612.4万元,上年同期为亏损2805.1万元", "earnings.growth"),
        ("凌云科技营收下滑2.1%,净利润增长30.5%,计提坏账2100万元", "earnings.growth"),
        ("凌云科技2023年净利润为21,315.2万元至26,480.9万元,上年同期亏损11,905.7万元", "earnings.growth"),
        ("凌云科技业绩快报:归属于上市公司股东的净利润-5.13亿元,较上年同期下降412.6%", "earnings.loss"),
        ("凌云科技三季报:营业收入41.7亿元,同比增长6.2%,净利润亏损1.08亿元", "earnings.loss"),
        ("凌云科技4月份营收7.35亿元,净利润2.98亿元", "earnings.report"),
        ("凌云科技1至4月累计原保险保费收入分别为602亿元、218亿元", "earnings.report"),
        ("凌云科技预计前三季度盈利6120万元-7340万元", "guidance.outlook"),
        ("凌云科技大幅下修业绩,预计全年由盈转亏", "guidance.cut"),
        # an authority lets something pass
        ("凌云科技:某胶囊通过仿制药质量和疗效一致性评价", "regulation_investigation.approve"),
        ("凌云科技收到证监会复函,证监会对公司开展做市业务无异议", "regulation_investigation.approve"),
        ("凌云科技非公开发行股票申请获证监会发审委审核通过", "regulation_investigation.approve"),
        ("凌云科技子公司收到市生态环境局关于年产3万吨硅料项目环评报告书的批复", "regulation_investigation.approve"),
        ("凌云科技收到药监局下发的《药物临床试验批件》", "regulation_investigation.approve"),
        ("凌云科技某滴眼液获得药品批准文号", "regulation_investigation.approve"),
        ("凌云科技:银保监会同意公司发行不超过50亿元资本债券", "regulation_investigation.approve"),
        ("证监会发布《期货公司网络安全管理规范》行业标准", "regulation_investigation.rule"),
        # shares, assets and whole companies change hands
        ("凌云科技拟发行股份购买一家传感器公司64%股权", "mna.acquire"),
        ("凌云科技将公开挂牌出让子公司,30%股权在产权交易所挂牌转让", "mna.divest"),
        ("凌云科技控股股东周某签署股份转让协议,转让公司2150万股股份", "shareholder_reduction.transfer"),
        ("凌云科技股东拟将所持公司5.2%股份协议转让给一家基金", "shareholder_reduction.transfer"),
        ("凌云科技控股股东拟筹划股权转让事项", "mna.control"),
        # money for plants, new companies and orders
        ("凌云科技拟以自筹资金22-25亿元在合肥市投资建设封测基地", "capex_investment.plan"),
        ("凌云科技拟出资8000万元设立全资子公司", "capex_investment.plan"),
        ("凌云科技1-4月新签合同516亿元", "contract_partnership.win"),
        ("凌云科技某注射液拟中选全国药品集中采购", "contract_partnership.win"),
        ("凌云科技签署谅解备忘录,拟共建实验室", "contract_partnership.cooperate"),
        ("凌云科技公告,公司股票将继续停牌", "other.listing_status"),
        ("凌云科技推出2024年限制性股票激励计划", "other.incentive"),
        # what a business sells in a month or year is of that time
        ("凌云科技4月销量3.12万辆,同比下降5.6%", "other.business_update"),
        ("凌云科技2023年电动车销量9.84万辆 同比增长77.1%", "other.business_update"),
        ("凌云科技4月旅客吞吐量211万人次,同比上升18%", "other.business_update"),
        # what houses advise and states decide
        ("研报:建议关注算力租赁板块龙头", "analyst_rating.positive"),
        ("某区《氢能产业扶持政策》和《行动方案》正式发布", "fiscal_trade_policy.industry"),
        ("秘鲁央行面临降息的压力", "central_bank.outlook"),
        ("凌云科技重组获证监会核准,尚需商务部同意", "regulation_investigation.approve"),
        ("凌云科技在交易所互动平台称,将推出新款手机", "product_launch.launch"),
        ("凌云科技实施新激励计划,上半年净利润同比增长21%", "earnings.growth"),
        ("中金:风电板块配置价值凸显", "analyst_rating.positive"),
        ("券商看好明年军工行情", "analyst_rating.positive"),
        ("花旗:明年看跌白银", "analyst_rating.negative"),
        ("工商变更信息显示,某传感器公司新增凌云科技为股东", "mna.acquire"),
        ("国家邮政局印发《快递业绿色发展规划》", "fiscal_trade_policy.industry"),
        ("凌云科技1-4月电动车销售5120辆 同比增长63%", "other.business_update"),
        # warned, told to take something off sale, closed for a time
        ("凌云科技发布股票交易异常波动公告", "other.risk_notice"),
        ("凌云科技公告,公司股价存在炒作风险", "other.risk_notice"),
        ("监管部门责令凌云科技将两款应用下架", "regulation_investigation.penalty"),
        ("凌云科技旗下影院暂停营业", "accident_operations.halt"),
        ("海地首都发生骚乱", "geopolitics.conflict"),
        ("智利外长结束对秘鲁的访问", "geopolitics.diplomacy"),
        ("评级机构将凌云科技列入信用评级观察名单", "default_credit.rating_cut"),
    ],
)
def test_what_the_words_tell(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("抵押贷款便宜了,房贷利率回落,看房的人多起来", "fiscal_trade_policy"),
        ("CPI公布前夕,美元震荡,8月以来交投最淡", "macro_data"),
        ("非农在即,投资者按兵,200日均线附近盘整", "macro_data"),
        ("在公布德国PPI数据之前,债市波动仅为3个基点", "macro_data"),
        ("科技股录得关税冲击以来最大单日涨幅", "fiscal_trade_policy"),
        ("关税通胀或在明年退去", "fiscal_trade_policy"),
        ("新能源板块迎来报复性上涨", "geopolitics"),
        ("两国专家合作寻找抗日战争阵亡者遗物", "geopolitics"),
        ("博斯蒂克说,低裁员低招聘的局面还在延续", "layoffs_restructuring"),
        ("北向资金联手游资买入远山电子", "contract_partnership"),
        ("凌云科技、远山电子联手70亿元投资一家初创公司", "contract_partnership"),
        ("顾问:公共资本支出120亿元支撑增长", "capex_investment"),
        ("新修订的《化妆品管理条例》正式发布,新品上市更快", "product_launch"),
        ("凌云科技宣布老款跑车停产", "accident_operations"),
        ("凌云科技回应供应商断供传闻", "accident_operations"),
        ("委员会将修改规则以遏制诉讼", "litigation_settlement"),
        ("委员会将修改规则,助力中小企业IPO", "share_offering_ipo"),
        ("会计监管局点名IPO审计质量", "share_offering_ipo"),
        ("某基金创始人:鲍威尔做得不错", "central_bank"),
        ("并购重组财务顾问屡吃罚单", "mna"),
        ("凌云科技子公司产量创矿难事故以来新高", "accident_operations"),
        ("提醒:20:30将公布加拿大8月CPI", "macro_data"),
        ("挪威政策利率 4.5%,预期 4.5%,前值 4.5%", "macro_data"),
        ("凌云科技合资公司CEO:门店将增一倍", "contract_partnership"),
        ("越南总理:将与伙伴在水资源上深化合作,建立合作机制", "contract_partnership"),
        ("某能源部:预计2027年原油产量将增长4%", "guidance"),
        ("高盛看好明年经济增长", "analyst_rating"),
        ("美国国务院:撤销一批签证", "fiscal_trade_policy"),
        ("凌云科技适配某某M2.7模型,吞吐提升3倍", "macro_data"),
        ("“24凌云02”盘中跌超15%,临时停牌", "other"),
        ("6个月期央票中标利率为1.52%", "contract_partnership"),
        ("凌云科技拟退出与远山电子的合资项目", "contract_partnership"),
        ("凌云科技第二代轿车停产后仍提供保养", "accident_operations"),
        ("凌云科技H股上市,双平台就位", "product_launch"),
        ("凌云科技境内债“25凌云01”盘中大跌,临时停牌", "other"),
        ("凌云科技(609001.SS):预计2026年度净亏损3亿元至4亿元", "earnings"),
        ("截至5月6日当周,玉米投机者净空头持仓增加8120手", "accident_operations"),
        ("凌云科技将调查用户偏好,产品随之调整", "regulation_investigation"),
        ("凌云科技和远山电子合作关系紧张", "contract_partnership"),
        ("分析师:凌云科技与远山电子合作空间有限", "contract_partnership"),
        ("越南与日本合作,推出旅游签证", "contract_partnership"),
        ("分析师预计凌云科技2027年净利润不低于3亿元", "guidance"),
        ("打新基金收益下滑", "share_offering_ipo"),
        ("某监管机构拟放宽规则以提振IPO市场", "share_offering_ipo"),
        ("机场将关闭至周三,航班取消", "layoffs_restructuring"),
        ("挪威3月政策利率 4.5%,前值 4.5%", "macro_data"),
        ("美国至4月8日5年期国债竞拍-得标利率 3.9%,前值3.8%", "macro_data"),
        ("机构扎堆调研凌云科技", "fund_flow_positioning"),
        ("凌云科技:暂无涨价计划", "product_launch"),
        ("存储涨价潮来袭,凌云科技受益", "product_launch"),
        ("凌云科技受益于硅片涨价预期", "product_launch"),
        ("发改委:成品油将涨价", "product_launch"),
        ("凌云科技有望成为远山电子供应商", "contract_partnership"),
        ("凌云科技股价创新高,收入待考", "earnings"),
        ("花旗预计巴西通胀升至5%", "analyst_rating"),
        ("“关税赢家”指数上涨,“降息输家”指数下跌", "fiscal_trade_policy"),
        ("“关税赢家”指数上涨,“降息输家”指数下跌", "central_bank"),
        # forecasts, aims and last year's figures are no results
        ("凌云科技预计上半年净利润亏损5100万元-6300万元,上年同期盈利1.2亿元", "earnings"),
        ("凌云科技预计全年净利润3.1亿元,同比增长42%", "earnings"),
        ("凌云科技全年净利预增88%", "earnings"),
        ("凌云科技努力实现营收翻番", "earnings"),
        ("新品受追捧程度超预期,凌云科技预计业绩较好", "earnings"),
        # not yet, not by an authority, or refused
        ("凌云科技预计明年每年新核准6个项目", "regulation_investigation"),
        ("凌云科技:议案尚需证监会核准", "regulation_investigation"),
        ("凌云科技:定增申请未获证监会审核通过", "regulation_investigation"),
        ("凌云科技收到药监局不予批准的批复", "regulation_investigation"),
        ("凌云科技多款药品开展一致性评价工作", "regulation_investigation"),
        # other purchases, other transfers
        ("凌云科技以自有资金购买理财产品", "mna"),
        ("日本央行继续购买资产", "mna"),
        ("凌云科技控股股东拟公开征集受让方,转让12%股份", "mna"),
        ("凌云科技拟购买固定资产,更新厂房", "mna"),
        ("公司治理要为股东创造价值,凌云科技董事长称", "mna"),
        ("某提案在众议院获得通过,军工股上市申请升温", "regulation_investigation"),
        ("凌云科技拟出资3亿元参与设立产业基金", "capex_investment"),
        ("两国签署能源备忘录", "contract_partnership"),
        ("凌云科技现阶段不具备投资价值,某券商称", "analyst_rating"),
        ("凌云科技拟购买一批金融资产管理产品", "mna"),
        ("高盛蝉联并购与收购交易顾问榜首", "mna"),
        ("凌云科技控股股东签署股份转让协议,转让公司1200万股股份", "contract_partnership"),
        ("凌云科技拟向控股股东收购股权,签署股权转让协议,涉及1200万股股份", "shareholder_reduction"),
        ("两国签署缓债协议", "contract_partnership"),
        ("第九批集采当晚公布拟中选结果", "contract_partnership"),
        ("凌云科技将从中选择合作方并采购", "contract_partnership"),
        # what money is raised for, what is still to be built, what was put off
        ("凌云科技募集资金5亿元,用于新建产线和偿还银行贷款", "default_credit"),
        ("凌云科技:已归还募集资金至募集资金专户,全部到账", "default_credit"),
        ("凌云科技硅片项目计划于明年下半年逐步投产", "accident_operations"),
        ("凌云科技称经销商复工复产延期", "accident_operations"),
        ("凌云科技拟以不超过3亿元进行证券投资", "capex_investment"),
        ("凌云科技1200万股非公开发行限售股上市流通", "share_offering_ipo"),
        # words in another sense
        ("平台企业须跳出流量红海之争", "geopolitics"),
        ("核电进入投资高速发展期,年投资额超900亿元", "default_credit"),
        ("煤炭供应紧缩的状态已经结束", "central_bank"),
        ("纪要:委员们将给出关于缩表的指引", "guidance"),
        ("人口净流入的大城市增加保障房", "fund_flow_positioning"),
        ("对冲基金空头平仓推高澳元", "default_credit"),
        ("某法院成立破产审判庭,审理衍生诉讼案件", "litigation_settlement"),
        ("国务院办公厅发布《小微企业信用信息应用实施方案》", "product_launch"),
        ("保险交易所正式上线车险交易平台", "product_launch"),
        ("凌云科技股权划转系贯彻落实《国务院关于划转国资的通知》", "fiscal_trade_policy"),
        ("凌云科技提示投资者关注炒作风险", "analyst_rating"),
        ("凌云科技限制性股票激励计划第一期解除限售", "other"),
        ("监管层防范债市异常波动", "other"),
        ("监管部门责令凌云科技将两款应用下架", "product_launch"),
        ("接受媒体访问时,某外长谈及关税", "geopolitics"),
        ("凌云科技激励计划的业绩考核目标为明年营业收入不低于20亿元", "guidance"),
        ("长江证券:预计明年国内卡车市场销量增长5%至8%", "guidance"),
        ("凌云科技拟建厂房并购置生产设备", "mna"),
        ("外长:在同北约的谈判里不会让步", "regulation_investigation"),
        ("负债一律不得高于国内生产总值六成", "macro_data"),
        ("为外贸市场交易主体提供结算服务,改变股权结构", "mna"),
        ("凌云科技线上线下一体化服务获好评", "product_launch"),
        ("凌云科技称未与远山电子签订任何芯片采购合同", "contract_partnership"),
        ("凌云科技子公司与投资方签订《增资协议》", "contract_partnership"),
        ("上月逾四十只基金清盘", "default_credit"),
        ("如逾期不拆除将依法处理,凌云科技回应", "default_credit"),
        ("交易员看跌期权需求上升,高盛称", "analyst_rating"),
        ("乘联会:4月乘用车销量同比增长3.2%", "other"),
    ],
)
def test_where_nothing_of_the_kind_happens(text, group):
    assert group not in groups(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("凌云科技宣布裁员,规模为今年以来最大", "layoffs_restructuring.layoff"),
        ("资金净流入凌云科技创9月以来新高", "fund_flow_positioning.inflow"),
    ],
)
def test_a_span_of_time_is_no_yardstick(text, kind):
    assert kind in kinds(text)


@pytest.mark.parametrize(
    ("text", "kind", "symbol"),
    [
        # what is done to a share happens to who issued it
        ("凌云科技获远山电子增持36万股", "insider_management_change.insider_buy", OURS),
        ("凌云科技遭远山电子减持,套现2.1亿元股份", "shareholder_reduction.done", OURS),
        ("远山电子公告增持了凌云科技2%股份", "insider_management_change.insider_buy", OURS),
        # who opens a line with its code tells its own news, unless it tells what another one does
        ("凌云科技(609001.SS):老股东远山电子累计增持2%股份", "insider_management_change.insider_buy", OURS),
        ("凌云科技(609001.SS):旗下系统在远山电子云市场发布新版本", "product_launch.launch", OURS),
        ("凌云科技(609001.SS):远山电子拟收购一家电池公司", "mna.acquire", THEIRS),
        # the supplier wins the order
        ("凌云科技签署长期合同,将向远山电子供应电解液", "contract_partnership.win", OURS),
        ("凌云科技签署供货合同,为远山电子代工芯片", "contract_partnership.win", OURS),
        ("凌云科技斩获远山电子大单", "contract_partnership.win", OURS),
        ("凌云科技有望拿下远山电子芯片订单", "contract_partnership.win", OURS),
        ("远山电子获凌云科技订单", "contract_partnership.win", THEIRS),
        # the first of the partners, and who appoints
        ("凌云科技、远山电子与某初创公司宣布达成合作", "contract_partnership.cooperate", OURS),
        ("凌云科技任命远山电子的李某为新任CEO", "insider_management_change.appoint", OURS),
        ("股东周某被任命为远山电子新任CEO", "insider_management_change.appoint", THEIRS),
        # a blank parts the news of a headline
        ("全球最大航运合并案告吹 凌云科技新手机跳票", "mna.terminate", None),
        ("凌云科技收购谈判破裂 远山电子新手机跳票", "mna.terminate", OURS),
        # who sets the measure does nothing
        ("凌云科技发布新款芯片,性能碾压远山电子", "product_launch.launch", OURS),
        ("对标远山电子,凌云科技推出新款机器人", "product_launch.launch", OURS),
        # who holds the shares only sells them
        ("凌云科技公告,股东远山电子拟减持不超过2%股份", "shareholder_reduction.plan", OURS),
        ("股东远山电子拟减持凌云科技股份", "shareholder_reduction.plan", OURS),
        # whom the company deals with
        ("凌云科技公告,公司与远山电子签订采购合同", "contract_partnership.win", OURS),
        ("凌云科技公告,公司全资子公司拟与江苏远山电子签订2亿元供货合同", "contract_partnership.win", OURS),
        ("凌云科技公告,公司向远山电子收购一家电池厂60%股权", "mna.acquire", OURS),
        # a house asks others
        ("中信证券调查:投资者削减能源敞口", "fund_flow_positioning.outflow", None),
    ],
)
def test_whose_it_is(text, kind, symbol):
    assert {who for what, who in pairs(extracted(text)) if what == kind} == {symbol}


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("凌云科技公告,公司4月销售收入2.31亿元,环比增长8%,同比增长41%", "earnings.growth"),
        ("凌云科技发布业绩快报,报告期内,公司净利润8210万元,较上年同期增长5.3%", "earnings.growth"),
        ("凌云科技公告,本次火灾已造成1人受伤,本次事故涉及资产未投保", "accident_operations.accident"),
        ("凌云科技公告,公司与北方红科技签署合作意向书", "contract_partnership.cooperate"),
        ("凌云科技收关注函,深交所要求说明重组是否合规,深交所要求说明计提商誉减值3亿元的依据", "earnings.loss"),
        ("凌云科技公告,凌云转债信用等级不变,凌云转债及公司主体被列入评级观察名单", "default_credit.rating_cut"),
        ("凌云科技公告,公司正筹划发行股份购买一家控股集团80%股权", "mna.acquire"),
    ],
)
def test_words_clauses_of_announcements_begin_with_name_nobody(line, kind):
    assert (kind, OURS) in pairs(extracted(line, line + "。"))


def test_a_firm_that_opens_the_headline_acts():
    assert ("contract_partnership.cooperate", None) in pairs(extracted("北方红科技与某大学签署战略合作协议"))


def test_guidance_above_and_results_below_expectations():
    assert "earnings.beat" not in kinds("凌云科技业绩低于预期,指引超预期")


def test_a_house_is_the_subject_of_its_own_announcement():
    own = extracted("中信证券(600030):预计2025年净利润同比增长21%", source=["中信证券"])
    assert ("guidance.outlook", "600030.SS") in pairs(own)
    quoted = extracted("中信证券:预计凌云科技2025年净利润同比增长21%", source=["中信证券"])
    assert "600030.SS" not in {who for _, who in pairs(quoted)}


def test_a_gift_after_a_fire_is_no_accident_of_the_giver():
    assert "accident_operations" not in groups("凌云科技捐款500万元驰援山林火灾灾区")
    assert "accident_operations" in groups("凌云科技仓库发生火灾")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("凌云科技暴跌,投资者离场", {("price_move.down", OURS)}),
        ("凌云科技暴跌有望结束,投资者观望", set()),
        ("韩国三大股指集体收跌", {("price_move.down", None)}),
        ("希腊综合指数收涨0.1%", set()),
    ],
)
def test_moves_in_words(text, wanted):
    assert {one for one in pairs(extracted(text)) if one[0].startswith("price_move")} == wanted


def test_a_headline_gives_its_reason_last():
    assert "analyst_rating.downgrade" in kinds("凌云科技股价下跌7%,此前一家投行将其评级从“买入”下调至“持有”")
    assert "mna.acquire" not in kinds("远山电子回顾历程,此前曾计划收购一家玻璃厂")


def test_an_exchange_that_breaks_down_is_no_source():
    found = pairs(extracted("中信证券系统宕机,客户一度无法登录", source=["中信证券"]))
    assert ("accident_operations.accident", "600030.SS") in found


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("凌云科技被交易所通报批评", "regulation_investigation.penalty", True),
        ("凌云科技被收回药品经营许可证", "regulation_investigation.penalty", True),
        ("凌云科技收回海外货款", "regulation_investigation.penalty", False),
        ("凌云科技股东终止剩余900万股的减持计划", "shareholder_reduction.plan", False),
        ("凌云科技股东终止剩余900万股的减持计划", "shareholder_reduction.terminate", True),
        ("凌云科技终止重组,股东拟减持2%股份", "shareholder_reduction.plan", True),
        ("凌云科技:报道称评级被下调不符事实", "analyst_rating.downgrade", False),
        ("凌云科技因信息披露不实被罚款", "regulation_investigation.penalty", True),
        ("凌云科技公告,合并税前利润增长9%", "mna.acquire", False),
        ("凌云科技公告,拟合并远山电子", "mna.acquire", True),
        ("凌云科技发布5月产品产销快报", "product_launch.launch", False),
        ("凌云科技发布新款手机,售价2999元", "product_launch.launch", True),
        ("凌云科技拟减持2%股份(已剔除回购专用账户)", "buyback.plan", False),
        ("凌云科技:乙烷裂解装置一次投料试车成功", "accident_operations.resume", True),
        ("凌云科技:发动机点火试车将于年底进行", "accident_operations.resume", False),
        ("凌云科技拟转让子公司51%的股权", "mna.divest", True),
        ("凌云科技拟转让两项专利", "mna.divest", False),
        ("凌云科技公告,公司债存在违约风险", "default_credit.default", True),
        ("税务部门要求凌云科技补缴进口税", "regulation_investigation.penalty", True),
        ("凌云科技提醒投资者注意二级市场交易风险", "other.risk_notice", True),
        ("凌云科技发布年报,敬请注意投资风险", "other.risk_notice", False),
        ("凌云科技前三季度累计发电312亿千瓦时", "other.business_update", True),
        ("凌云科技自2月起上调全部产品价格5%", "product_launch.price", True),
        ("直播电商合规指南正式发布", "regulation_investigation.rule", True),
        ("直播电商合规指南正式发布", "product_launch.launch", False),
        ("花旗策略师预计,明年上半年港股将出现反弹", "analyst_rating.view", True),
        ("花旗预计明年利润增长", "analyst_rating.view", False),
        ("现货锡供应趋紧", "commodity_supply_demand.shortage", True),
        ("凌云科技四季度销售额26亿元,高于指引", "earnings.beat", True),
        ("凌云科技二季度销售额指引高于预期", "earnings.beat", False),
        ("最高法发布食品案件适用法律若干问题的解释,司法解释公布", "regulation_investigation.rule", True),
        ("凌云科技斥资3000万美元获得一家软件公司8%的股权", "mna.acquire", True),
        ("凌云科技将三大区域合并为两个", "mna.acquire", False),
        ("凌云科技与合作方强化全面合作", "contract_partnership.cooperate", True),
        ("多位专家预测,6月制造业PMI将回升至50.3%", "macro_data.outlook", True),
        ("6月制造业PMI为50.3%,高于预期", "macro_data.release", True),
        ("玉溪抽水蓄能电站1号机组开工建设", "capex_investment.plan", True),
        ("斯里兰卡爆发抗议,总统宣布进入紧急状态", "geopolitics.conflict", True),
        ("凌云航空宣布取消航班", "accident_operations.halt", True),
        ("凌云航空新增9架次航班", "accident_operations.halt", False),
        ("高盛:仍看好黄金", "analyst_rating.positive", True),
        ("教育局发布关于规范托管收费的通知", "regulation_investigation.rule", True),
        ("工信部等三部门发布关于推动陶瓷业升级的通知", "fiscal_trade_policy.industry", True),
        ("凌云科技蝉联手机芯片榜首", "contract_partnership.cooperate", False),
        ("凌云科技公告,2025年度预计盈利4500万至6500万元", "guidance.outlook", True),
        ("凌云科技截至6月底的财年净利润预计在21亿到23亿元之间", "guidance.outlook", True),
        ("凌云科技预告全年净利润9.1亿至10.2亿元", "guidance.outlook", True),
        ("指数成分公司的盈利预计平均增长19%", "guidance.outlook", False),
        ("凌云科技前三季度亏损4.9亿元", "earnings.loss", True),
        ("凌云科技净利润1.2亿元,上年同期亏损3880万元", "earnings.loss", False),
        ("凌云科技第二财季净利润滑落近5%", "earnings.decline", True),
        ("凌云地产12月合同销售金额225亿元,同比增长7.6%", "earnings.growth", True),
        ("凌云科技把对远山电子的报价提高到340亿元", "mna.acquire", True),
        ("凌云科技的第三次收购报价被拒", "mna.terminate", True),
        ("凌云科技与医科大学共建实验室", "contract_partnership.cooperate", True),
        ("凌云科技将为海外三个项目供应7.8吉瓦时储能系统", "contract_partnership.win", True),
        ("凌云科技为客户供应零部件", "contract_partnership.win", False),
        ("凌云科技名为“一号”的电芯下线", "product_launch.launch", True),
        ("凌云科技的应用正式上架各大应用市场", "product_launch.launch", False),
        ("凌云汽车9月销量环比增长21%", "other.business_update", True),
        ("凌云科技通过公开摘牌竞得远山民爆52.8%股权", "mna.acquire", True),
        ("凌云科技通过公开摘牌竞得远山民爆52.8%股权", "other.listing_status", False),
        ("凌云汽车12月出口量按年增长44%", "macro_data.release", False),
        ("期货隐含美联储按兵不动、维持利率不变的概率约七成", "central_bank.hold", False),
        ("凌云科技停止开发一款操作系统", "product_launch.delay", True),
        ("凌云科技推出的新系统停止开发", "product_launch.launch", False),
        ("服务业商务活动指数为51.4%,较前一月升0.6个百分点", "macro_data.release", True),
        ("旅游研究院:我国滑雪旅游收入有望超过2100亿元", "guidance.outlook", False),
        ("远山光伏联合开发有限公司向凌云科技增资", "contract_partnership.cooperate", False),
    ],
)
def test_words_of_announcements_in_another_sense(text, kind, told):
    assert (kind in kinds(text)) is told
