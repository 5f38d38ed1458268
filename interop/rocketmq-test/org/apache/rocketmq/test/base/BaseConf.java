// SPDX-License-Identifier: Apache-2.0
package org.apache.rocketmq.test.base;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

import org.apache.rocketmq.broker.BrokerController;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.common.attribute.CQType;
import org.apache.rocketmq.common.attribute.TopicMessageType;
import org.apache.rocketmq.namesrv.NamesrvController;
import org.apache.rocketmq.remoting.exception.RemotingException;
import org.apache.rocketmq.remoting.protocol.body.ClusterInfo;
import org.apache.rocketmq.remoting.protocol.route.BrokerData;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.test.client.rmq.RMQAsyncSendProducer;
import org.apache.rocketmq.test.client.rmq.RMQNormalConsumer;
import org.apache.rocketmq.test.client.rmq.RMQNormalProducer;
import org.apache.rocketmq.test.client.rmq.RMQTransactionalProducer;
import org.apache.rocketmq.test.factory.ConsumerFactory;
import org.apache.rocketmq.test.listener.AbstractListener;
import org.apache.rocketmq.test.util.MQAdminTestUtils;
import org.apache.rocketmq.test.util.MQRandomUtils;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/**
 * Stands, on the class path, before the class of this name in rocketmq-test:
 * where that one starts a name server and three brokers in the JVM, this one
 * goes to the address in the system property magnetar.namesrv. There is one
 * broker; there are no broker objects, so a test that reaches into one can't
 * run (see the file tests).
 */
public class BaseConf {
	public static final String NAMESRV_ADDR = System.getProperty("magnetar.namesrv");
	protected static final String CLUSTER_NAME;
	protected static final String BROKER1_NAME;
	protected static final String BROKER2_NAME;
	protected static final String BROKER3_NAME;
	protected static final int BROKER_NUM = 1;
	protected static final int WAIT_TIME = 5;
	protected static final int CONSUME_TIME = 2 * 60 * 1000;
	protected static final int QUEUE_NUMBERS = 8;

	protected static NamesrvController namesrvController;
	protected static BrokerController brokerController1;
	protected static BrokerController brokerController2;
	protected static BrokerController brokerController3;
	protected static List<BrokerController> brokerControllerList = Collections.emptyList();
	protected static Map<String, BrokerController> brokerControllerMap = Collections.emptyMap();
	protected static List<Object> mqClients = new ArrayList<>();
	protected static boolean debug = false;

	static {
		DefaultMQAdminExt admin = new DefaultMQAdminExt(5000);
		admin.setNamesrvAddr(NAMESRV_ADDR);
		try {
			admin.start();
			ClusterInfo info = null;
			for (int tries = 0; info == null; tries++) {
				try {
					info = admin.examineBrokerClusterInfo();
				} catch (RemotingException e) {         // a busy machine
					if (tries == 10) {
						throw e;
					}
				}
			}
			BrokerData broker = info.getBrokerAddrTable().values().iterator().next();
			CLUSTER_NAME = broker.getCluster();
			BROKER1_NAME = broker.getBrokerName();
			BROKER2_NAME = BROKER1_NAME;
			BROKER3_NAME = BROKER1_NAME;
		} catch (Exception e) {
			throw new ExceptionInInitializerError(e);
		} finally {
			admin.shutdown();
		}
		IntegrationTestBase.initMQAdmin(NAMESRV_ADDR);
	}

	public static void waitBrokerRegistered(String namesrv, String cluster, int brokers) {
		// it was there before us
	}

	/** Whether the index has caught up: not to be asked from outside, so it is given a little time. */
	public boolean awaitDispatchMs(long ms) throws Exception {
		TimeUnit.MILLISECONDS.sleep(Math.min(ms, 500));
		return true;
	}

	public static String initTopic() {
		return initTopicWithName(MQRandomUtils.getRandomTopic());
	}

	public static String initTopic(TopicMessageType type) {
		return initTopicWithName(MQRandomUtils.getRandomTopic(), type);
	}

	public static String initTopicWithName(String topic) {
		IntegrationTestBase.initTopic(topic, NAMESRV_ADDR, CLUSTER_NAME, CQType.SimpleCQ);
		return topic;
	}

	public static String initTopicWithName(String topic, TopicMessageType type) {
		IntegrationTestBase.initTopic(topic, NAMESRV_ADDR, CLUSTER_NAME, type);
		return topic;
	}

	public static String initTopicOnSampleTopicBroker(String sample) {
		return initTopicOnSampleTopicBroker(MQRandomUtils.getRandomTopic(), sample);
	}

	public static String initTopicOnSampleTopicBroker(String sample, TopicMessageType type) {
		return initTopicOnSampleTopicBroker(MQRandomUtils.getRandomTopic(), sample, type);
	}

	public static String initTopicOnSampleTopicBroker(String topic, String sample) {
		IntegrationTestBase.initTopic(topic, NAMESRV_ADDR, sample, CQType.SimpleCQ);
		return topic;
	}

	public static String initTopicOnSampleTopicBroker(String topic, String sample, TopicMessageType type) {
		IntegrationTestBase.initTopic(topic, NAMESRV_ADDR, sample, type);
		return topic;
	}

	public static String initConsumerGroup() {
		return initConsumerGroup(MQRandomUtils.getRandomConsumerGroup());
	}

	public static String initConsumerGroup(String group) {
		SubscriptionGroupConfig config = new SubscriptionGroupConfig();
		config.setGroupName(group);
		return initConsumerGroup(config);
	}

	public static String initConsumerGroup(SubscriptionGroupConfig config) {
		MQAdminTestUtils.createSub(NAMESRV_ADDR, CLUSTER_NAME, config);
		return config.getGroupName();
	}

	private static <T> T keep(T client) {
		mqClients.add(client);
		return client;
	}

	public static DefaultMQAdminExt getAdmin(String namesrv) {
		DefaultMQAdminExt admin = new DefaultMQAdminExt(3000);
		admin.setNamesrvAddr(namesrv);
		admin.setPollNameServerInterval(100);
		return keep(admin);
	}

	public static RMQNormalProducer getProducer(String namesrv, String topic) {
		return getProducer(namesrv, topic, false);
	}

	public static RMQNormalProducer getProducer(String namesrv, String topic, boolean tls) {
		return keep(new RMQNormalProducer(namesrv, topic, tls));
	}

	public static RMQNormalProducer getProducer(String namesrv, String topic, String group, String instance) {
		return keep(new RMQNormalProducer(namesrv, topic, group, instance));
	}

	public static RMQTransactionalProducer getTransactionalProducer(String namesrv, String topic, TransactionListener l) {
		return keep(new RMQTransactionalProducer(namesrv, topic, false, l));
	}

	public static RMQAsyncSendProducer getAsyncProducer(String namesrv, String topic) {
		return keep(new RMQAsyncSendProducer(namesrv, topic));
	}

	public static RMQNormalConsumer getConsumer(String namesrv, String topic, String expr, AbstractListener l) {
		return getConsumer(namesrv, topic, expr, l, false);
	}

	public static RMQNormalConsumer getConsumer(String namesrv, String topic, String expr, AbstractListener l,
			boolean tls) {
		return getConsumer(namesrv, initConsumerGroup(), topic, expr, l, tls);
	}

	public static RMQNormalConsumer getConsumer(String namesrv, String group, String topic, String expr,
			AbstractListener l) {
		return getConsumer(namesrv, group, topic, expr, l, false);
	}

	public static RMQNormalConsumer getConsumer(String namesrv, String group, String topic, String expr,
			AbstractListener l, boolean tls) {
		return keep(ConsumerFactory.getRMQNormalConsumer(namesrv, group, topic, expr, l, tls));
	}

	public static Set<String> getBrokers() {
		return Collections.singleton(BROKER1_NAME);
	}

	public static void shutdown() {
		List<Object> all = new ArrayList<>(mqClients);
		mqClients.clear();
		shutdown(all);
	}

	/** All at once, for each takes its time; every kind of client has a method of this name. */
	public static void shutdown(List<Object> clients) {
		for (Object c : clients) {
			Thread t = new Thread(() -> {
				try {
					c.getClass().getMethod("shutdown").invoke(c);
				} catch (ReflectiveOperationException e) {
					e.printStackTrace();
				}
			});
			t.setDaemon(true);
			t.start();
		}
	}
}
