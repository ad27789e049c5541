/// The complete examples of the format's description; the second without what is not in this version.
enum Examples {
    static let movielens = """
        name: movielens
        params:
          max_rows: 100000
          als_max_iter: 10
          hidden_units: 20
        cache: true

        steps:
          load_raw_data:                     # runs the entry point of the same name
            outputs:
              ratings: ratings-csv-dir       # an artifact the code logs

          etl_data:
            params:
              ratings_csv: ${{ steps.load_raw_data.outputs.ratings }}
              max_row_limit: ${{ params.max_rows }}
            outputs:
              ratings: ratings-parquet-dir

          als:
            params:
              ratings_data: ${{ steps.etl_data.outputs.ratings }}
              max_iter: ${{ params.als_max_iter }}
            outputs:
              model: als-model

          train_keras:
            cache: false
            params:
              ratings_data: ${{ steps.etl_data.outputs.ratings }}
              als_model_uri: ${{ steps.als.outputs.model }}
              hidden_units: ${{ params.hidden_units }}
        """

    static let churn = """
        name: churn
        experiment: churn
        description: Tune, choose the best model, promote it only if it beats the champion.
        params:
          data: {type: path, default: data/customers.csv}
          max_rmse: 0.80
        secrets: [SLACK_URL, DEPLOY_TOKEN]
        cache: true
        limits: {cpu: 8}

        steps:
          prepare:
            params:
              input: ${{ params.data }}
              train_out: ${{ outputs.train }}
              test_out: ${{ outputs.test }}
            outputs:
              train: train.parquet
              test: test.parquet

          train:
            params:
              data: ${{ steps.prepare.outputs.train }}
            matrix:
              learning_rate: [1e-4, 0.3]
              max_depth: ${{ range(3, 12) }}
              booster: [gbtree, dart]
            select: {metric: val_rmse, goal: min}
            resources: {cpu: 2, memory: 4GiB}
            timeout: 20m
            allow_failure: 20%
            outputs:
              model: model

          evaluate:
            params:
              model: ${{ steps.train.best.outputs.model }}
              data: ${{ steps.prepare.outputs.test }}
            metrics: [test_rmse]

          champion:
            search:
              filter: tags.stage = 'champion'
              order_by: metrics.test_rmse ASC

          promote:
            when: steps.evaluate.metrics.test_rmse < (steps.champion.best.metrics.test_rmse ?? params.max_rmse)
            register:
              model: ${{ steps.train.best.outputs.model }}
              name: churn
              alias: champion

          deploy:
            needs: [promote]
            command: ./deploy.sh {model}
            params:
              model: models:/churn@champion
            env:
              TOKEN: ${{ secrets.DEPLOY_TOKEN }}
            cache: false
            retry: {times: 3, delay: 30s, backoff: 2}

        outputs:
          model: ${{ steps.train.best.outputs.model }}
          test_rmse: ${{ steps.evaluate.metrics.test_rmse }}
        """

    static let vision = """
        name: vision
        params:
          images: {type: uri}
          shards: 8
          folds: [1, 2, 3, 4, 5]
        defaults:
          retry:
            times: 2
            delay: 20s
            when: reason in ['lost', 'oom', 'timeout']
          cache: true
        limits: {parallel: 40, pulls: 2}

        steps:
          split:
            command: python split.py --images {images} --shards {shards} --out {out}
            params:
              images: ${{ params.images }}
              shards: ${{ params.shards }}
              out: ${{ outputs.shards }}
            outputs:
              shards: shards

          features:
            entry_point: features
            backend: docker
            image: example/features:2.3
            matrix:
              shard: ${{ range(params.shards) }}
            params:
              shards: ${{ steps.split.outputs.shards }}
              out: ${{ outputs.table }}
            resources: {cpu: 2, memory: 4GiB, pulls: 1}
            allow_failure: 1
            outputs:
              table: features.parquet

          merge:
            command: python merge.py {tables} {out}
            params:
              tables: ${{ steps.features.all.outputs.table }}
              out: ${{ outputs.table }}
            outputs:
              table: all.parquet

          crossval:
            project: https://github.com/example/trainer
            version: v4.1
            entry_point: train
            backend: kubernetes
            backend_config: k8s/job.yaml
            image: example/trainer:4.1
            matrix:
              fold: ${{ params.folds }}
              arch: [resnet50, convnext]
            params:
              data: ${{ steps.merge.outputs.table }}
            resources: {cpu: 4, gpu: 1, memory: "${{ 16 * attempt }}GiB"}
            timeout: 6h
            metrics: [accuracy]
            select: {metric: accuracy, goal: max}

          final:
            project: https://github.com/example/trainer
            version: v4.1
            entry_point: train
            when: mean(steps.crossval.all.metrics.accuracy) > 0.85
            backend: slurm
            backend_config: {partition: gpu, account: vision}
            params:
              data: ${{ steps.merge.outputs.table }}
              arch: ${{ steps.crossval.best.params.arch }}
            resources: {cpu: 16, gpu: 4, memory: 200GiB}
            timeout: 2d
            outputs:
              model: model

          report:
            run_on: always
            command: python report.py --run {run}
            params:
              run: ${{ pipeline.run_id }}
            needs: [final]
        """
}
