# Databricks notebook source
# MAGIC %md
# MAGIC # rfm-spark, step by step
# MAGIC
# MAGIC The same functions `rfm-spark run` calls, one after the other, on the demo's tables
# MAGIC (`rfm-spark demo` makes them; on your own data, point `source_path` at a Delta table of transaction lines).

# COMMAND ----------

import os
from datetime import date

from pyspark.sql import functions as F

from rfm_spark.capabilities.clusters.assign import assigned
from rfm_spark.capabilities.clusters.config import ClustersConfig
from rfm_spark.capabilities.clusters.profiles import cluster_profiles
from rfm_spark.capabilities.clusters.train import Stamp, train
from rfm_spark.capabilities.clusters.whole import WholeModel
from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.days import DayShape, order_days, visible
from rfm_spark.capabilities.purchases.intake import accepted
from rfm_spark.capabilities.purchases.lines import rejects, typed_lines
from rfm_spark.capabilities.purchases.measures import customer_measures, window_start
from rfm_spark.capabilities.purchases.orders import orders_of
from rfm_spark.capabilities.rfm.config import RfmConfig
from rfm_spark.capabilities.rfm.cuts import cuts_from, rank_requests
from rfm_spark.capabilities.rfm.scores import scored_customers, z_values
from rfm_spark.capabilities.segments.counting import wanted_counts
from rfm_spark.capabilities.segments.load import load_rule_map
from rfm_spark.capabilities.segments.rules import segment_column
from rfm_spark.capabilities.segments.summary import named, segment_sizes
from rfm_spark.core.counting import CountedCustomers
from rfm_spark.core.distribution import ranks_and_moments
from rfm_spark.core.session import get_session
from rfm_spark.lake.location import LakeLocation
from rfm_spark.lake.readers import current

spark = get_session("quickstart")
lake_folder = os.environ.get("RFM_SPARK_DEMO", "lake/demo")
source_path = f"{lake_folder}/sources/transactions"
as_of = date(2017, 12, 31)
rfm = RfmConfig(window_days=365)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 1. Lines: typed, in cents, and either accepted or rejected with a reason

# COMMAND ----------

source = TransactionsSource(
    path=source_path,
    format="delta",
    columns={
        "customer_id": "household_id",
        "order_id": "basket_id",
        "order_ts": "transaction_timestamp",
        "amount": "sales_value",
    },
)
raw = spark.read.format("delta").load(source_path)
lines = typed_lines(raw, source)
print("rejected rows:", rejects(lines, source).count())

# COMMAND ----------

# MAGIC %md
# MAGIC ## 2. Days of orders, orders, and recency, frequency and monetary value of each customer
# MAGIC A run keeps the days: what comes later adds up, and as of any date an order is the sum of its days up to then.

# COMMAND ----------

days = order_days(accepted(lines), DayShape.of(source), looks=False)
orders = orders_of(visible(days, as_of), source.order_grain, window_start(as_of, rfm.window_days))
measures = customer_measures(orders, as_of, rfm.window_days, rfm.refunds).where("recency_days IS NOT NULL").persist()
measures.orderBy(F.desc("monetary")).show(5)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 3. Cut points and scores
# MAGIC Cuts are exact order statistics, so equal customers get equal scores and a rerun gets the same ones.

# COMMAND ----------

ranks, moments = ranks_and_moments(measures, rank_requests(rfm.scoring), z_values(rfm.z_log))
cut_sets = cuts_from(measures, rfm.scoring, ranks)
for cut_set in cut_sets:
    print(cut_set.measure, cut_set.cuts)
scored = scored_customers(measures, rfm, cut_sets, ranks, moments)
scored.select("customer_id", "rfm_code", "m_pct", "m_z", "value_tier", "outliers").orderBy("customer_id").show(5)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 4. Clusters
# MAGIC KMeans on standardised log features: the number of clusters is chosen where other samples of customers confirm
# MAGIC it, and every customer is assigned to the nearest centre by native expressions.

# COMMAND ----------

training = train(measures, ClustersConfig(), Stamp("notebook", "notebook", "notebook", as_of.isoformat()))
for row in training.scan:
    print(row.k, round(row.silhouette, 3), round(row.prediction_strength, 2), round(min(row.jaccard), 2), row.is_stable)
for warning in training.warnings:
    print(warning)
model = WholeModel((training.model,))
clustered = assigned(scored, model)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 5. Segments: the first rule that fits

# COMMAND ----------

rule_map = load_rule_map("rf_grid")
segments = clustered.withColumn("as_of_date", F.lit(as_of)).withColumn(
    "segment", segment_column(rule_map, {"new_within_days": 90.0})
)
counts = CountedCustomers(segments, wanted_counts(("segment",), model, moves=False))
summary = named(segment_sizes(counts), rule_map)
for profile in cluster_profiles(segments, counts, model):
    print(profile["cluster_id"], profile["name"], profile["customers"], profile["insight"])
for segment in sorted(summary, key=lambda row: -(row["revenue"] or 0)):
    print(*(segment[name] for name in ("label", "customers", "customers_pct", "revenue", "revenue_pct", "action")))
measures.unpersist()

# COMMAND ----------

# MAGIC %md
# MAGIC ## 6. What the scheduled job has published
# MAGIC `current` only ever shows complete runs.

# COMMAND ----------

published = current(spark, LakeLocation(root=os.path.abspath(lake_folder)), "segment_summary", "demo")
published.select("segment", "customers", "revenue").orderBy(F.desc("revenue")).show()
